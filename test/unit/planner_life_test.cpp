// What goes along with the steps of a plan: the archive, and the hooks.
#include <gtest/gtest.h>

#include "checks.hpp"
#include "core/check/check.hpp"
#include "core/plan/planner.hpp"
#include "execution.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from October 2026 to January 2027, all there.
class Life : public testing::Test {
  protected:
    Life() : orders{Interval::monthly} {
        configuration().retention = 1;
        configuration().pre_provisioned = 2;
        configuration().cleanup_policy = CleanupPolicy::detach;
        orders.add_slots("2026-10-01", "2027-02-01");
    }

    Configuration& configuration() { return orders.parent.configuration; }
    void add_hook(HookEvent event, const std::string& function) {
        orders.parent.hooks.push_back({event, function});
    }
    void add_september(CleanupPolicy policy = CleanupPolicy::detach) {
        orders.add_detached("orders_2026_09", "2026-09-01", "2026-10-01", policy);
    }
    DetachedPartition& detached() { return orders.parent.detached.front(); }

    Plan plan() const { return orders.plan_on(today); }
    Lines cleanup() const { return cleanup_of(plan()); }
    Lines anomalies() const { return lines_of(check(orders, orders.plan_windows(today))); }
    // After one plan there is nothing left to do.
    void expect_done_at_once() {
        Execution execution{orders};
        execution.execute(plan());
        EXPECT_EQ(execution.refused, Lines{});
        EXPECT_EQ(cleanup(), Lines{});
        EXPECT_EQ(actions_of(plan()), Lines{});
    }

    Orders orders;
};

class Archive : public Life {
  protected:
    Archive() { configuration().archive_schema = "archive"; }
};

TEST_F(Archive, TakesWhatIsDetached) {
    orders.add_slots("2026-08-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_08", "archive orders_2026_08",
                                "detach orders_2026_09", "archive orders_2026_09"}));
    expect_done_at_once();
}

TEST_F(Archive, TakesWhatWaitsToBeDropped) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_09", "drop orders_2026_09"}));
    configuration().drop_delay = "7 days";
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_09", "archive orders_2026_09"}));
}

TEST_F(Archive, TakesWhatWasDetachedBefore) {
    add_september();
    EXPECT_EQ(cleanup(), Lines{"archive orders_2026_09"});
    EXPECT_EQ(anomalies(), Lines{"pending_archive orders_2026_09"});
    expect_done_at_once();
    EXPECT_EQ(anomalies(), Lines{});
}

TEST_F(Archive, LeavesWhatOthersMayHaveDetachedAndWhatWasRepartitioned) {
    add_september();
    detached().is_unconfirmed = true;
    EXPECT_EQ(cleanup(), Lines{});
    detached().is_unconfirmed = false;
    detached().is_repartitioned = true;
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Archive, LeavesWhatIsDroppedNow) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    add_september(CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), Lines{"drop orders_2026_09"});
}

TEST_F(Archive, GivesBackWhatComesBack) {
    add_september();
    detached().home_schema = "public";
    detached().partition.schema_name = "archive";
    configuration().retention = 2;
    const Plan planned = plan();
    EXPECT_EQ(actions_of(planned), Lines{"attach orders_2026_09"});
    EXPECT_EQ(std::get<AttachPartition>(planned.provision.front()).home_schema, "public");
    EXPECT_EQ(cleanup_of(planned), Lines{});
}

TEST_F(Archive, StopsNothingWhereANameIsTaken) {
    orders.add_slots("2026-08-01", "2026-10-01");
    orders.taken_in_archive = {"orders_2026_08"};
    EXPECT_EQ(cleanup(),
              (Lines{"detach orders_2026_08", "detach orders_2026_09", "archive orders_2026_09"}));
    ASSERT_EQ(plan().not_archived.size(), 1U);
    EXPECT_EQ(plan().not_archived.front().code, AnomalyCode::name_taken);
}

TEST_F(Archive, ThatCannotTakeAnythingKeepsPartitions) {
    orders.archive_problem = Anomaly{AnomalyCode::archive_mismatch, {}, "It is missing.", ""};
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_EQ(anomalies(), Lines{"archive_mismatch"});
    EXPECT_EQ(plan().refusals.size(), 1U);
    configuration().cleanup_policy = CleanupPolicy::drop;
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_09", "drop orders_2026_09"}));
    configuration().drop_delay = "7 days";
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(plan().later.empty());
}

TEST_F(Archive, ThatCannotTakeAnythingIsSaidBeforeItIsNeeded) {
    orders.archive_problem = Anomaly{AnomalyCode::archive_mismatch, {}, "It is missing.", ""};
    EXPECT_EQ(anomalies(), Lines{"archive_mismatch"});
    EXPECT_TRUE(plan().refusals.empty());
}

TEST_F(Life, CallsHooksInTheirOrder) {
    for (const HookEvent event : {HookEvent::after_create, HookEvent::before_detach,
                                  HookEvent::after_detach, HookEvent::before_drop})
        add_hook(event, "f");
    add_hook(HookEvent::before_detach, "g");
    configuration().cleanup_policy = CleanupPolicy::drop;
    configuration().pre_provisioned = 3;
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(actions_of(plan()),
              (Lines{"orders_2027_02: 2027-02-01 to 2027-03-01", "after_create f orders_2027_02"}));
    EXPECT_EQ(cleanup(), (Lines{"before_detach f orders_2026_09", "before_detach g orders_2026_09",
                                "detach orders_2026_09", "after_detach f orders_2026_09",
                                "before_drop f orders_2026_09", "drop orders_2026_09"}));
    EXPECT_EQ(anomalies(),
              (Lines{"missing_partition orders_2027_02", "outdated_partition orders_2026_09"}));
    expect_done_at_once();
}

TEST_F(Life, CallsHooksOfAnInterruptedDetachAfterIt) {
    add_hook(HookEvent::before_detach, "f");
    add_hook(HookEvent::after_detach, "f");
    orders.add_pending_of_ppm("orders_2026_09", "2026-09-01", "2026-10-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_09", "after_detach f orders_2026_09"}));
}

TEST_F(Life, LeavesAloneWhatComesBackAfterAnInterruptedDetach) {
    add_hook(HookEvent::after_detach, "f");
    configuration().archive_schema = "archive";
    configuration().retention = 2;
    orders.add_pending_of_ppm("orders_2026_09", "2026-09-01", "2026-10-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_09", "attach orders_2026_09"}));
}

TEST_F(Life, CallsWhatWasNotCalledYet) {
    add_september(CleanupPolicy::drop);
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.parent.pending_hooks = {{HookEvent::after_create, "f", orders.parent.partitions.front()},
                                   {HookEvent::after_detach, "g", detached().partition}};
    EXPECT_EQ(actions_of(plan()), Lines{"after_create f orders_2026_10"});
    EXPECT_EQ(cleanup(), (Lines{"after_detach g orders_2026_09", "drop orders_2026_09"}));
    EXPECT_EQ(anomalies(), (Lines{"pending_hook orders_2026_10", "pending_hook orders_2026_09",
                                  "pending_drop orders_2026_09"}));
}

TEST_F(Life, CallsNoHookForWhatOtherPartitionsHold) {
    add_hook(HookEvent::before_drop, "f");
    add_september(CleanupPolicy::drop);
    configuration().cleanup_policy = CleanupPolicy::drop;
    EXPECT_EQ(cleanup(), (Lines{"before_drop f orders_2026_09", "drop orders_2026_09"}));
    detached().is_repartitioned = true;
    EXPECT_EQ(cleanup(), Lines{"drop orders_2026_09"});
}

TEST_F(Life, CreatesNothingLikeATemplateThatContradictsTheTable) {
    configuration().template_name = "public.form";
    configuration().pre_provisioned = 3;
    EXPECT_EQ(actions_of(plan()), Lines{"orders_2027_02: 2027-02-01 to 2027-03-01"});
    orders.parent.template_problem = "does not exist";
    EXPECT_EQ(actions_of(plan()), Lines{});
    EXPECT_EQ(obstacles_of(plan()),
              Lines{"orders_2027_02: 2027-02-01 to 2027-03-01: template_mismatch"});
    EXPECT_EQ(anomalies(), (Lines{"missing_partition orders_2027_02", "template_mismatch"}));
    configuration().pre_provisioned = 2;
    EXPECT_EQ(anomalies(), Lines{"template_mismatch"});
}

TEST_F(Life, LeavesRoomForTheNamesBelowAPartition) {
    configuration().pre_provisioned = 3;
    const int room = static_cast<int>(max_name_bytes - std::string{"orders_2027_02"}.size());
    orders.parent.template_suffix = room;
    EXPECT_EQ(obstacles_of(plan()), Lines{});
    orders.parent.template_suffix = room + 1;
    EXPECT_EQ(obstacles_of(plan()),
              Lines{"orders_2027_02: 2027-02-01 to 2027-03-01: name_too_long"});
}

TEST_F(Life, SaysWhichHookCannotBeCalled) {
    orders.parent.hooks.push_back({HookEvent::before_drop, "f()", "does not exist"});
    EXPECT_EQ(anomalies(), Lines{"hook_mismatch"});
}

}  // namespace
}  // namespace ppm
