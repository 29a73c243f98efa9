// What must hold whatever the partitions, what was detached before, and the work date: tried on
// random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/plan/planner.hpp"
#include "every_kind.hpp"
#include "execution.hpp"
#include "key_bounds.hpp"
#include "random_removals.hpp"

namespace ppm {
namespace {

constexpr unsigned cases_per_zone = 70;  // for each grid and key of every_kind()

// A table and its windows, and the same table after the plan was executed.
struct Case {
    const Orders& before;
    const Windows& windows;
    const Plan& plan;
    const Orders& after;
    const Execution& execution;

    BoundRange canonical(const BoundRange& bounds) const {
        return {before.codec.canonical(bounds.lower), before.codec.canonical(bounds.upper)};
    }
    BoundRange bounds(const Window& window) const {
        return {before.codec.encode(window.lower), before.codec.encode(window.upper)};
    }
    bool reaches_into(const Window& window, const Partition& partition) const {
        return canonical(partition.bounds).overlaps(bounds(window));
    }
    bool is_outdated(const Window& window, const Partition& partition) const {
        return !window.keeps_everything && before.codec.is_in_range(window.lower) &&
               canonical(partition.bounds).upper <= bounds(window).lower;
    }
    bool is_outdated_by_both(const Partition& partition) const {
        return is_outdated(windows.work, partition) && is_outdated(windows.today, partition);
    }
    bool is_surplus(const Partition& partition) const {
        return lies_outside_both(partition) && !is_outdated_by_both(partition) &&
               before.codec.decode(partition.bounds.upper) != plus_infinity && knows_end_of_rows();
    }
    bool knows_end_of_rows() const {
        const auto& key = before.parent.greatest_key;
        return !before.codec.counts() || (key && key->greatest && key->is_certain);
    }
    Bound first() const {
        return before.codec.encode(std::max(windows.work.lower, windows.work.first));
    }
    bool lies_outside_both(const Partition& partition) const {
        const auto lies_outside = [&](const Window& window) {
            return is_outdated(window, partition) ||
                   canonical(partition.bounds).lower >= bounds(window).upper;
        };
        return lies_outside(windows.work) && lies_outside(windows.today);
    }
    bool had_rows(const Partition& partition) const { return before.has_rows(partition); }
    bool is_kept(const Partition& partition) const {
        return std::any_of(
            after.parent.partitions.begin(), after.parent.partitions.end(),
            [&](const Partition& each) { return each.relation == partition.relation; });
    }
    bool exists(const Partition& partition) const {
        return is_kept(partition) ||
               std::any_of(after.parent.detached.begin(), after.parent.detached.end(),
                           [&](const DetachedPartition& each) {
                               return each.partition.relation == partition.relation;
                           });
    }
};

bool overlaps_any(const std::vector<BoundRange>& ranges, const BoundRange& range) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const BoundRange& each) { return each.overlaps(range); });
}

std::vector<BoundRange> bounds_of_all(const std::vector<Partition>& partitions) {
    std::vector<BoundRange> all;
    for (const Partition& each : partitions)
        all.push_back(each.bounds);
    return all;
}

bool is_removal(const Action& action) {
    return std::holds_alternative<DetachPartition>(action) ||
           std::holds_alternative<DropPartition>(action);
}

bool removes(const Plan& plan) {
    return std::any_of(plan.cleanup.begin(), plan.cleanup.end(), is_removal);
}

class EveryCleanup : public testing::TestWithParam<Kind> {
  protected:
    template <typename Property>
    static void for_each_case(Property property) {
        for_each_seed(cases_per_zone, [&](const TimeZone& zone, unsigned seed) {
            const RandomRemovals random{std::get<0>(GetParam()), std::get<1>(GetParam()), zone,
                                        seed};
            const Plan plan = random.orders.plan(random.windows);
            Orders orders = random.orders;
            Execution execution{orders};
            execution.execute(plan);
            property(Case{random.orders, random.windows, plan, orders, execution});
        });
    }
};

INSTANTIATE_TEST_SUITE_P(, EveryCleanup, every_kind(), name_of_kind);

TEST_P(EveryCleanup, CanBeExecuted) {
    for_each_case([](const Case& each) { EXPECT_EQ(each.execution.refused, Lines{}); });
}

TEST_P(EveryCleanup, KeepsWhatReachesIntoEitherWindow) {
    for_each_case([](const Case& each) {
        for (const Partition& partition : each.before.parent.partitions)
            if (!partition.detach_pending && (each.reaches_into(each.windows.work, partition) ||
                                              each.reaches_into(each.windows.today, partition))) {
                EXPECT_TRUE(each.is_kept(partition)) << partition.name;
            }
    });
}

TEST_P(EveryCleanup, DetachesRowsOnlyIfOutdatedByBothWindows) {
    for_each_case([](const Case& each) {
        for (const Partition& partition : each.before.parent.partitions)
            if (!partition.detach_pending && !each.is_kept(partition) && each.had_rows(partition)) {
                EXPECT_TRUE(each.is_outdated_by_both(partition)) << partition.name;
            }
    });
}

TEST_P(EveryCleanup, DropsOnlyWhatIsOutdatedByBothWindowsOrEmptySurplus) {
    for_each_case([](const Case& each) {
        std::vector<Partition> all = each.before.parent.partitions;
        for (const DetachedPartition& entry : each.before.parent.detached)
            all.push_back(entry.partition);
        for (const Partition& partition : all)
            EXPECT_TRUE(each.exists(partition) || each.is_outdated_by_both(partition) ||
                        (each.is_surplus(partition) && !each.had_rows(partition)))
                << partition.name;
    });
}

TEST_P(EveryCleanup, DropsOnlyWhatIsDetachedBefore) {
    for_each_case([](const Case& each) {
        std::map<RelationId, CleanupPolicy> detached;
        for (const DetachedPartition& entry : each.before.parent.detached)
            detached.insert({entry.partition.relation, entry.policy});
        for (const Action& action : each.plan.cleanup) {
            const Partition& partition = *existing_partition(action);
            if (std::holds_alternative<DetachPartition>(action))
                detached[partition.relation] =
                    policy_for(each.before.parent.configuration, partition);
            if (!std::holds_alternative<DropPartition>(action))
                continue;
            const auto found = detached.find(partition.relation);
            ASSERT_NE(found, detached.end()) << partition.name;
            EXPECT_EQ(found->second, CleanupPolicy::drop) << partition.name;
        }
    });
}

TEST_P(EveryCleanup, RemovesNothingWhereABoundOrAKeyTellsNoTime) {
    for_each_case([](const Case& each) {
        const KeyCodec& codec = each.before.codec;
        const std::vector<Partition>& partitions = each.before.parent.partitions;
        const bool odd_bound =
            std::any_of(partitions.begin(), partitions.end(), [&](const Partition& partition) {
                return !codec.is_time_bound(partition.bounds.lower) ||
                       !codec.is_time_bound(partition.bounds.upper);
            });
        const bool removes = std::any_of(
            each.plan.cleanup.begin(), each.plan.cleanup.end(), [&](const Action& action) {
                const bool removal = std::holds_alternative<DetachPartition>(action) ||
                                     std::holds_alternative<DropPartition>(action);
                if (removal) {
                    EXPECT_EQ(each.before.keys_without_time.count(partition_of(action)), 0U);
                }
                return removal;
            });
        EXPECT_FALSE(removes && (odd_bound || !each.plan.refusals.empty()));
        EXPECT_TRUE(codec.counts() || codec.key().encoding || codec.may_lack_time() ||
                    each.plan.refusals.empty());
    });
}

TEST_P(EveryCleanup, RemovesNothingAfterASlipOfAKeyThatCounts) {
    for_each_case([](const Case& each) {
        const auto& key = each.before.parent.greatest_key;
        const Configuration& table = each.before.parent.configuration;
        const bool slipped = key && has_jumped(*key, table.grid(), table.pre_provisioned);
        EXPECT_FALSE(slipped && removes(each.plan));
        EXPECT_TRUE(!slipped || each.plan.refusals.size() == 1);
        // Of a table without rows nothing is known, and nothing is outdated.
        EXPECT_FALSE(key && !key->greatest && removes(each.plan));
    });
}

TEST_P(EveryCleanup, RemovesNothingWhereAllRowsAreOfAnotherTimeByTheirEncoding) {
    for_each_case([](const Case& each) {
        if (!each.before.codec.key().encoding)
            return;
        bool has_rows_inside = false;
        bool has_rows_outside = false;
        for (const Partition& partition : each.before.parent.partitions)
            if (!partition.detach_pending && each.had_rows(partition))
                (each.lies_outside_both(partition) ? has_rows_outside : has_rows_inside) = true;
        EXPECT_FALSE(has_rows_outside && !has_rows_inside && removes(each.plan));
    });
}

TEST_P(EveryCleanup, LeavesTheDefaultPartitionAlone) {
    for_each_case([](const Case& each) {
        if (!each.before.parent.default_partition)
            return;
        for (const auto* actions : {&each.plan.provision, &each.plan.cleanup})
            for (const Action& action : *actions)
                if (const Partition* partition = existing_partition(action)) {
                    EXPECT_NE(partition->relation, each.before.parent.default_partition->relation);
                }
    });
}

// Unless a bound or a key tells no time: then it removes nothing, and says why.
TEST_P(EveryCleanup, RemovesAllThatIsOutdatedAndAllEmptySurplus) {
    for_each_case([](const Case& each) {
        if (!each.plan.refusals.empty())
            return;
        for (const Partition& partition : each.before.parent.partitions)
            if (each.is_outdated_by_both(partition) ||
                (each.is_surplus(partition) && !each.had_rows(partition))) {
                EXPECT_FALSE(each.is_kept(partition)) << partition.name;
            }
    });
}

// What was kept once is never planned to be dropped, not even after many plans under a
// configuration that says to drop: neither a partition that was, nor what becomes one again.
TEST_P(EveryCleanup, NeverDropsWhatWasKeptOnce) {
    for_each_case([](const Case& each) {
        std::set<RelationId> kept;
        for (const Partition& partition : each.before.parent.partitions)
            if (partition.was_kept)
                kept.insert(partition.relation);
        for (const DetachedPartition& entry : each.before.parent.detached) {
            if (entry.policy == CleanupPolicy::detach)
                kept.insert(entry.partition.relation);
            else
                kept.erase(entry.partition.relation);  // somebody said otherwise
        }
        Orders orders = each.before;
        orders.parent.forgets_what_was_kept = false;
        orders.parent.configuration.cleanup_policy = CleanupPolicy::drop;
        for (const Windows& windows :
             {each.windows, Windows{each.windows.today, each.windows.work}, each.windows}) {
            const Plan plan = orders.plan(windows);
            for (const auto* actions : {&plan.provision, &plan.cleanup})
                for (const Action& action : *actions)
                    if (const auto* const drop = std::get_if<DropPartition>(&action)) {
                        EXPECT_EQ(kept.count(drop->partition.relation), 0U) << line_of(*drop);
                    }
            Execution{orders}.execute(plan);
        }
    });
}

TEST_P(EveryCleanup, AttachesNothingThatWasChanged) {
    for_each_case([](const Case& each) {
        for (const auto* actions : {&each.plan.provision, &each.plan.cleanup})
            for (const Action& action : *actions)
                if (const auto* const attach = std::get_if<AttachPartition>(&action)) {
                    EXPECT_EQ(each.before.changed.count(attach->partition.name), 0U)
                        << line_of(*attach);
                }
    });
}

// Where ppm.kept is not there yet, what is to be kept is not attached again to be dropped.
bool would_be_forgotten(const Case& each, CleanupPolicy policy) {
    return each.before.parent.forgets_what_was_kept && policy == CleanupPolicy::detach &&
           each.before.parent.configuration.cleanup_policy == CleanupPolicy::drop;
}

// What is outdated by today may stay away whatever the work date.
TEST_P(EveryCleanup, AttachesAgainTheRowsThatAreNotOutdatedWhereNothingElseIs) {
    for_each_case([](const Case& each) {
        const auto taken_before = bounds_of_all(each.before.parent.partitions);
        const auto taken_after = bounds_of_all(each.after.parent.partitions);
        for (const DetachedPartition& detached : each.before.parent.detached) {
            const Partition& partition = detached.partition;
            const CleanupPolicy policy = detached.policy;
            if (detached.is_detached && each.before.changed.count(partition.name) == 0 &&
                !would_be_forgotten(each, policy) &&
                !each.is_outdated(each.windows.today, partition) &&
                (each.reaches_into(each.windows.work, partition) ||
                 (each.is_surplus(partition) && each.had_rows(partition)))) {
                EXPECT_TRUE(each.is_kept(partition) ||
                            overlaps_any(taken_before, partition.bounds) ||
                            overlaps_any(taken_after, partition.bounds))
                    << partition.name;
            }
        }
    });
}

TEST_P(EveryCleanup, LeavesTheWindowCoveredButForObstacles) {
    for_each_case([](const Case& each) {
        std::vector<BoundRange> settled = bounds_of_all(each.after.parent.partitions);
        for (const Obstacle& obstacle : each.plan.obstacles)
            settled.push_back(obstacle.wanted.bounds);
        std::sort(settled.begin(), settled.end(),
                  [](const BoundRange& a, const BoundRange& b) { return a.lower < b.lower; });
        const BoundRange needed{each.first(), each.bounds(each.windows.work).upper};
        for (const BoundRange& hole : holes_in(needed, settled))
            EXPECT_TRUE(is_sliver(each.before.codec, hole)) << testing::PrintToString(hole);
    });
}

TEST_P(EveryCleanup, LeavesNoDetachPending) {
    for_each_case([](const Case& each) {
        for (const Partition& partition : each.after.parent.partitions)
            EXPECT_FALSE(partition.detach_pending) << partition.name;
    });
}

TEST_P(EveryCleanup, LeavesNoOverlap) {
    for_each_case([](const Case& each) {
        const std::vector<Partition>& partitions = each.after.parent.partitions;
        for (std::size_t i = 1; i < partitions.size(); ++i)
            EXPECT_LE(partitions[i - 1].bounds.upper, partitions[i].bounds.lower)
                << partitions[i - 1].name << " and " << partitions[i].name;
    });
}

// Where an encoding is in doubt nothing is removed. Rows that are attached again may end the doubt.
bool ends_doubt(const Case& each, const Plan& later) {
    return each.before.codec.key().encoding && !each.plan.refusals.empty() &&
           later.refusals.empty();
}

TEST_P(EveryCleanup, IsTheSameAfterProvision) {
    for_each_case([](const Case& each) {
        Orders provisioned = each.before;
        Execution{provisioned}.execute(each.plan.provision);
        Plan later = provisioned.plan(each.windows);
        if (ends_doubt(each, later))
            std::erase_if(later.cleanup, is_removal);
        EXPECT_EQ(cleanup_of(later), cleanup_of(each.plan));
    });
}

// What is removed stands in the way until then: of provision by its name or as a pending detach, of
// what was detached by its bounds.
TEST_P(EveryCleanup, LeavesToASecondPlanOnlyWhatWasInTheWayOfTheFirst) {
    for_each_case([](const Case& each) {
        std::vector<BoundRange> obstacles;
        for (const Obstacle& obstacle : each.plan.obstacles)
            obstacles.push_back(obstacle.wanted.bounds);
        std::vector<BoundRange> removed;
        for (const Action& action : each.plan.cleanup)
            if (!std::holds_alternative<AttachPartition>(action))
                removed.push_back(bounds_of(action));

        const Plan second = each.after.plan(each.windows);
        for (const auto* actions : {&second.provision, &second.cleanup})
            for (const Action& action : *actions)
                EXPECT_TRUE(overlaps_any(std::holds_alternative<CreatePartition>(action) ? obstacles
                                                                                         : removed,
                                         bounds_of(action)) ||
                            (is_removal(action) && ends_doubt(each, second)))
                    << lines_of({action}).front();
    });
}

TEST_P(EveryCleanup, LeavesNothingToAThirdPlan) {
    for_each_case([](const Case& each) {
        Orders orders = each.after;
        Execution execution{orders};
        // One that was in doubt, and is not any more, was none.
        for (int times = each.plan.refusals.empty() ? 1 : 2; times > 0; --times)
            execution.execute(orders.plan(each.windows));
        EXPECT_EQ(execution.refused, Lines{});
        const Plan third = orders.plan(each.windows);
        EXPECT_EQ(actions_of(third), Lines{});
        EXPECT_EQ(cleanup_of(third), Lines{});
    });
}

}  // namespace
}  // namespace ppm
