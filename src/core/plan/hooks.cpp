#include "core/plan/hooks.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace ppm {

namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 4> event_names{"after_create", "before_detach",
                                                      "after_detach", "before_drop"};

class HookPlanner {
  public:
    explicit HookPlanner(const Parent& parent) : parent_{parent} {}

    // Missing partitions are created before pending hooks are called: a function may take long.
    std::vector<Action> around(std::vector<Action> provision) {
        actions_.clear();
        note_what_comes_back(provision);
        for (Action& action : provision)
            add(std::move(action));
        add_pending(HookEvent::after_create);
        return std::move(actions_);
    }

    // Cleanup may drop or move a detached table, so its pending hooks come first.
    std::vector<Action> around_cleanup(std::vector<Action> cleanup) {
        actions_.clear();
        note_what_comes_back(cleanup);
        add_pending(HookEvent::after_detach);
        for (Action& action : cleanup)
            add(std::move(action));
        return std::move(actions_);
    }

  private:
    // Its detach is not announced: it was interrupted, or did not last.
    void note_what_comes_back(const std::vector<Action>& actions) {
        for (const Action& action : actions)
            if (std::holds_alternative<AttachPartition>(action))
                come_back_.insert(existing_partition(action)->relation);
    }

    void add(Action action) {
        const Partition partition = subject_of(action);
        const bool is_drop = std::holds_alternative<DropPartition>(action);
        const bool is_detach = std::holds_alternative<DetachPartition>(action);
        if (is_detach)
            call(HookEvent::before_detach, partition);
        if (is_drop && !is_copied_elsewhere(partition))
            call(HookEvent::before_drop, partition);
        const bool detaches = (is_detach || std::holds_alternative<FinalizeDetach>(action)) &&
                              !come_back_.contains(partition.relation);
        const bool creates = std::holds_alternative<CreatePartition>(action);
        actions_.push_back(std::move(action));
        if (creates)
            call(HookEvent::after_create, partition);
        if (detaches)
            call(HookEvent::after_detach, partition);
    }

    Partition subject_of(const Action& action) const {
        if (const Partition* const existing = existing_partition(action))
            return *existing;
        return {0, parent_.configuration.schema_name, partition_of(action), bounds_of(action),
                false};
    }

    // Its rows are in other partitions, which have their own hooks.
    bool is_copied_elsewhere(const Partition& partition) const {
        return std::ranges::any_of(parent_.detached, [&](const DetachedPartition& each) {
            return each.partition.relation == partition.relation && each.is_repartitioned;
        });
    }

    void call(HookEvent event, const Partition& partition) {
        for (const Hook& hook : parent_.hooks)
            if (hook.event == event)
                actions_.emplace_back(CallHook{event, hook.function, partition});
    }

    void add_pending(HookEvent event) {
        for (const PendingHook& hook : parent_.pending_hooks)
            if (hook.event == event && !come_back_.contains(hook.partition.relation))
                actions_.emplace_back(CallHook{event, hook.function, hook.partition});
    }

    const Parent& parent_;
    std::vector<Action> actions_;
    std::set<RelationId> come_back_;  // what is attached again
};

}  // namespace

std::string_view name_of(HookEvent event) {
    return event_names[static_cast<std::size_t>(event)];
}

void plan_hooks(const Parent& parent, Plan& plan) {
    if (parent.hooks.empty() && parent.pending_hooks.empty())
        return;
    HookPlanner planner{parent};
    plan.provision = planner.around(std::move(plan.provision));
    plan.cleanup = planner.around_cleanup(std::move(plan.cleanup));
}

}  // namespace ppm
