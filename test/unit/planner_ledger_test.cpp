// What becomes of what is in ppm.detached, and of what is being detached.
#include <gtest/gtest.h>

#include "core/plan/planner.hpp"
#include "execution.hpp"
#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";
constexpr CleanupPolicy both_policies[] = {CleanupPolicy::detach, CleanupPolicy::drop};

// By month, from October 2026 to January 2027.
class Ledger : public testing::Test {
  protected:
    explicit Ledger(KeyType key_type = KeyType::date) : orders{Interval::monthly, key_type} {
        configuration().retention = 1;
        configuration().pre_provisioned = 2;
    }

    Configuration& configuration() { return orders.parent.configuration; }

    Plan plan() const { return orders.plan_on(today); }
    Lines provision() const { return actions_of(plan()); }
    Lines cleanup() const { return cleanup_of(plan()); }

    void fill_window() { orders.add_slots("2026-10-01", "2027-02-01"); }

    Orders orders;
};

using PendingDetach = Ledger;

TEST_F(PendingDetach, IsFinishedBeforeEverythingElse) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2026-01-01", "2026-02-01");
    orders.add_detached("orders_2025_12", "2025-12-01", "2026-01-01", CleanupPolicy::drop);
    orders.add_pending("orders_2026_02", "2026-02-01", "2026-03-01");
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_02", "drop orders_2025_12",
                                "detach orders_2026_01", "drop orders_2026_01"}));
}

TEST_F(PendingDetach, IsFinishedWhereverItLies) {
    orders.add_pending("past", "2026-01-01", "2026-02-01");
    orders.add_pending("current", "2026-11-01", "2026-12-01");
    orders.add_pending("future", "2027-05-01", "infinity");
    for (const char* work_date : {"1999-01-01", today, "9999-12-31"})
        EXPECT_EQ(cleanup_of(orders.plan_on(work_date, today)),
                  (Lines{"finalize past", "finalize current", "finalize future"}))
            << work_date;
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(PendingDetach, IsFinishedWithoutRetention) {
    configuration().retention = {};
    orders.add_pending("past", "2026-01-01", "2026-02-01");
    EXPECT_EQ(cleanup(), Lines{"finalize past"});
}

TEST_F(PendingDetach, OfSomebodyElseIsNotDropped) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending("orders_2026_02", "2026-02-01", "2026-03-01");
    EXPECT_EQ(cleanup(), Lines{"finalize orders_2026_02"});
}

TEST_F(PendingDetach, OfTheOutdatedIsDroppedIfThatWasIntended) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending_of_ppm("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_02", "drop orders_2026_02"}));
}

TEST_F(PendingDetach, OfTheOutdatedIsKeptIfThatWasIntended) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending_of_ppm("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), Lines{"finalize orders_2026_02"});
}

TEST_F(PendingDetach, InsideTheWindowIsAttachedAgain) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending_of_ppm("orders_2026_12", "2026-12-01", "2027-01-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_12", "attach orders_2026_12"}));
}

TEST_F(PendingDetach, ThatIsToBeKeptIsNotAttachedBecauseNothingIsOutdatedAnyMore) {
    configuration().retention = {};
    orders.add_pending_of_ppm("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), Lines{"finalize orders_2026_02"});
}

TEST_F(PendingDetach, OfSomebodyElseInsideTheWindowIsNotAttached) {
    orders.add_pending("orders_2026_12", "2026-12-01", "2027-01-01");
    EXPECT_EQ(cleanup(), Lines{"finalize orders_2026_12"});
}

TEST_F(PendingDetach, InsideTheWindowOfAWorkDateAloneIsNotAttached) {
    orders.add_pending_of_ppm("orders_2025_12", "2025-12-01", "2026-01-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup_of(orders.plan_on("2025-12-15", today)), Lines{"finalize orders_2025_12"});
}

TEST_F(PendingDetach, ThatIsToBeKeptIsAttachedOnlyIfThatIsRemembered) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending_of_ppm("orders_2026_12", "2026-12-01", "2027-01-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2026_12", "attach orders_2026_12"}));
    orders.parent.forgets_what_was_kept = true;
    EXPECT_EQ(cleanup(), Lines{"finalize orders_2026_12"});
}

TEST_F(PendingDetach, OfSurplusIsDroppedIfEmptyThen) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_pending_of_ppm("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), (Lines{"finalize orders_2027_05", "drop orders_2027_05 if empty"}));
}

TEST_F(PendingDetach, OfSurplusWithRowsIsNotAttachedBeforeItIsFinished) {
    orders.add_pending_of_ppm("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    orders.with_rows = {"orders_2027_05"};
    for (const Action& action : orders.plan_on(today).cleanup)
        EXPECT_FALSE(std::holds_alternative<AttachPartition>(action));
}

TEST_F(PendingDetach, IsAnObstacleToTheWindowUntilItIsFinished) {
    orders.add_pending_of_ppm("orders_2026_12", "2026-12-01", "2027-01-01", CleanupPolicy::drop);
    EXPECT_EQ(obstacles_of(plan()),
              Lines{"orders_2026_12: 2026-12-01 to 2027-01-01: pending_detach"});
    orders.parent.partitions.clear();
    orders.parent.detached[0].is_detached = true;
    EXPECT_EQ(obstacles_of(plan()), Lines{});
    EXPECT_EQ(provision().front(), "attach orders_2026_12");
}

using Detached = Ledger;

TEST_F(Detached, IsDroppedIfOutdatedAndThatWasIntended) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.with_rows = {"orders_2026_02"};
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), Lines{"drop orders_2026_02"});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Detached, IsKeptIfOutdatedWhateverTheConfigurationSaysNow) {
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::detach);
    for (const CleanupPolicy policy : both_policies) {
        configuration().cleanup_policy = policy;
        EXPECT_EQ(cleanup(), Lines{});
    }
}

TEST_F(Detached, IsKeptIfNothingIsOutdatedAnyMore) {
    configuration().retention = {};
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Detached, ComesBackIfNothingIsOutdatedAnyMoreUnlessItWasToBeKept) {
    configuration().retention = {};
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    orders.add_detached("orders_2026_03", "2026-03-01", "2026-04-01", CleanupPolicy::detach);
    EXPECT_EQ(provision().front(), "attach orders_2026_02");
    EXPECT_TRUE(std::ranges::none_of(
        provision(), [](const std::string& line) { return line.ends_with("orders_2026_03"); }));
}

TEST_F(Detached, StaysDetachedIfSomebodyElseFinishedTheDetach) {
    configuration().retention = {};
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    orders.parent.detached.back().is_unconfirmed = true;
    EXPECT_TRUE(std::ranges::none_of(
        provision(), [](const std::string& line) { return line.ends_with("orders_2026_02"); }));
}

TEST_F(Detached, IsAttachedAgainAndNeverDroppedInsideTheWindow) {
    for (const CleanupPolicy policy : both_policies) {
        orders.parent.detached.clear();
        orders.add_detached("orders_2026_12", "2026-12-01", "2027-01-01", policy);
        EXPECT_EQ(provision().front(), "attach orders_2026_12");
        EXPECT_EQ(cleanup(), Lines{});
    }
}

TEST_F(Detached, WithRowsIsAttachedAgainIfSurplus) {
    orders.with_rows = {"orders_2027_05"};
    for (const CleanupPolicy policy : both_policies) {
        orders.parent.detached.clear();
        orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", policy);
        EXPECT_EQ(cleanup(), Lines{"attach orders_2027_05"});
    }
}

TEST_F(Detached, IsKeptIfTheConfigurationWantsNoDropAnyMore) {
    configuration().cleanup_policy = CleanupPolicy::detach;
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Detached, WithoutRowsIsDroppedIfSurplusAndThatWasIntended) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    EXPECT_EQ(cleanup(), Lines{"drop orders_2027_05 if empty"});
}

TEST_F(Detached, WithoutRowsIsKeptIfSurplusWhateverTheConfigurationSaysNow) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::detach);
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Detached, IsNotDroppedIfOutdatedByTheWorkDateAlone) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_detached("of today", "2026-12-01", "2027-01-01", CleanupPolicy::drop);
    orders.add_detached("after today", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    orders.with_rows = {"of today", "after today"};
    EXPECT_EQ(cleanup_of(orders.plan_on("2028-01-01", today)), Lines{"attach after today"});
}

TEST_F(Detached, IsDroppedWithRowsOnlyIfOutdatedByTodayToo) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_detached("orders_2026_02", "2026-02-01", "2026-03-01", CleanupPolicy::drop);
    orders.with_rows = {"orders_2026_02"};
    EXPECT_EQ(cleanup_of(orders.plan_on("2028-01-01", today)), Lines{"drop orders_2026_02"});
    EXPECT_EQ(cleanup_of(orders.plan_on("2026-04-01", today)), Lines{"drop orders_2026_02"});
    EXPECT_EQ(cleanup_of(orders.plan_on("2026-03-01", today)), Lines{});
}

TEST_F(Detached, ThatWasToBeKeptSurvivesAMistypedWorkDate) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    fill_window();
    orders.add_detached("in its window", "2025-03-01", "2025-04-01", CleanupPolicy::detach);
    orders.add_detached("after its window", "2026-03-01", "2026-04-01", CleanupPolicy::detach);
    orders.with_rows = {"in its window", "after its window"};
    for (const char* work_date : {"2025-03-15", today})
        for (const auto half : {&Plan::provision, &Plan::cleanup})
            Execution{orders}.execute(orders.plan_on(work_date, today).*half);
    EXPECT_TRUE(orders.relation_exists("in its window"));
    EXPECT_TRUE(orders.relation_exists("after its window"));
}

TEST_F(Detached, ComesBackForAPastWorkDateIfItIsToBeKeptAnyway) {
    configuration().cleanup_policy = CleanupPolicy::detach;
    orders.add_detached("orders_2025_03", "2025-03-01", "2025-04-01", CleanupPolicy::detach);
    const Lines actions = actions_of(orders.plan_on("2025-03-15", today));
    EXPECT_EQ(std::count(actions.begin(), actions.end(), "attach orders_2025_03"), 1);
}

TEST_F(Detached, ComesBackWithItsOwnBoundsAndTheRestIsFilledAroundIt) {
    orders.add_detached("week", "2026-11-09", "2026-11-16", CleanupPolicy::detach);
    const Plan plan = orders.plan_on(today);
    EXPECT_EQ(actions_of(plan), (Lines{"attach week", "orders_2026_10: 2026-10-01 to 2026-11-01",
                                       "orders_20261101_20261109: 2026-11-01 to 2026-11-09",
                                       "orders_20261116_20261201: 2026-11-16 to 2026-12-01",
                                       "orders_2026_12: 2026-12-01 to 2027-01-01",
                                       "orders_2027_01: 2027-01-01 to 2027-02-01"}));
    EXPECT_EQ(bounds_of(plan.provision.front()), orders.bounds("2026-11-09", "2026-11-16"));
    EXPECT_EQ(obstacles_of(plan), Lines{});
}

TEST_F(Detached, ComesBackWholeIfItReachesIntoTheWindow) {
    orders.add_slots("2026-11-01", "2027-01-01");
    orders.add_detached("past", "-infinity", "2026-10-15", CleanupPolicy::drop);
    orders.add_detached("future", "2027-01-15", "infinity", CleanupPolicy::drop);
    EXPECT_EQ(provision(), (Lines{"attach past", "attach future",
                                  "orders_20261015_20261101: 2026-10-15 to 2026-11-01",
                                  "orders_20270101_20270115: 2027-01-01 to 2027-01-15"}));
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Detached, StaysDetachedBesideTheWindow) {
    fill_window();
    orders.add_detached("before", "2026-09-01", "2026-10-01", CleanupPolicy::detach);
    orders.add_detached("after", "2027-02-01", "2027-03-01", CleanupPolicy::detach);
    EXPECT_EQ(provision(), Lines{});
}

TEST_F(Detached, StaysDetachedWhereAPartitionHasTakenItsPlace) {
    fill_window();
    for (const char* upper : {"2026-12-01", "2026-11-02"}) {
        orders.parent.detached.clear();
        orders.add_detached("november", "2026-11-01", upper, CleanupPolicy::drop);
        EXPECT_EQ(provision(), Lines{});
        EXPECT_EQ(cleanup(), Lines{});
    }
}

TEST_F(Detached, StaysDetachedWhereAPartitionOverlapsItOutsideTheWindow) {
    fill_window();
    orders.parent.partitions.erase(orders.parent.partitions.begin());
    orders.add("august", "2026-08-01", "2026-09-01");
    orders.add_detached("august to october", "2026-08-31", "2026-11-01", CleanupPolicy::detach);
    EXPECT_EQ(provision(), Lines{"orders_2026_10: 2026-10-01 to 2026-11-01"});
}

TEST_F(Detached, StaysDetachedWhereADetachIsPending) {
    fill_window();
    orders.parent.partitions.erase(orders.parent.partitions.begin() + 1);
    orders.add_pending("somebody's", "2026-11-10", "2026-11-11");
    orders.add_detached("november", "2026-11-01", "2026-12-01", CleanupPolicy::detach);
    EXPECT_EQ(provision(), Lines{});
    EXPECT_EQ(obstacles_of(plan()),
              Lines{"orders_2026_11: 2026-11-01 to 2026-12-01: pending_detach"});
}

TEST_F(Detached, StaysDetachedWhereAnotherOneComesBack) {
    fill_window();
    orders.parent.partitions.erase(orders.parent.partitions.begin() + 1);
    orders.add_detached("november", "2026-11-01", "2026-12-01", CleanupPolicy::detach);
    orders.add_detached("half of it", "2026-11-15", "2026-12-01", CleanupPolicy::detach);
    EXPECT_EQ(provision(), Lines{"attach november"});
}

TEST_F(Detached, IsNotKnownByItsName) {
    fill_window();
    orders.parent.partitions.erase(orders.parent.partitions.begin() + 1);
    orders.add_detached("orders_2026_11", "2020-11-01", "2020-12-01", CleanupPolicy::detach);
    EXPECT_EQ(provision(), Lines{"orders_2026_11_2: 2026-11-01 to 2026-12-01"});
}

TEST_F(Detached, WithRowsStaysDetachedIfSurplusWhereAPartitionHasTakenItsPlace) {
    orders.add("may", "2027-05-01", "2027-06-01");
    orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::detach);
    orders.with_rows = {"may", "orders_2027_05"};
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Detached, WithRowsStaysDetachedIfSurplusWhereAnotherOneComesBack) {
    orders.add_detached("may", "2027-05-01", "2027-06-01", CleanupPolicy::detach);
    orders.add_detached("half of it", "2027-05-15", "2027-06-01", CleanupPolicy::detach);
    orders.with_rows = {"may", "half of it"};
    EXPECT_EQ(cleanup(), Lines{"attach may"});
}

TEST(DetachedPiece, LeavesTheNextNameToAPieceOfTheSameName) {
    Orders orders{Interval::daily, KeyType::timestamp};
    orders.add_detached("orders_20261122_202611220600", "2026-11-22 06:00", "2026-11-22 12:00",
                        CleanupPolicy::detach);
    const Plan plan = orders.plan("2026-11-22", "2026-11-23");
    EXPECT_EQ(obstacles_of(plan), Lines{});
    EXPECT_EQ(actions_of(plan),
              (Lines{"attach orders_20261122_202611220600",
                     "orders_20261122_202611220600_2: 2026-11-22 to 2026-11-22 06:00:00",
                     "orders_202611221200_20261123: 2026-11-22 12:00:00 to 2026-11-23"}));
}

class UuidDetached : public Ledger {
  protected:
    UuidDetached() : Ledger{KeyType::uuid} {}

    void add_bare(const std::string& name, const std::string& lower, const std::string& upper) {
        const Partition partition = orders.partition(name, {bare(lower), bare(upper)});
        orders.add_detached({partition, CleanupPolicy::detach, true});
    }
};

TEST_F(UuidDetached, ComesBackWithItsBareBounds) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.parent.partitions[0].bounds.upper = bare("2026-11-01");
    add_bare("november", "2026-11-01", "2026-12-01");
    const Plan plan = orders.plan_on(today);
    EXPECT_EQ(actions_of(plan),
              (Lines{"attach november", "orders_2026_12: 2026-12-01 to 2027-01-01",
                     "orders_2027_01: 2027-01-01 to 2027-02-01"}));
    EXPECT_EQ(bounds_of(plan.provision[0]), (BoundRange{bare("2026-11-01"), bare("2026-12-01")}));
}

TEST_F(UuidDetached, StaysDetachedWhereItEndsWithTheStartOfTheWindow) {
    fill_window();
    add_bare("september", "2026-09-01", "2026-10-01");
    EXPECT_EQ(provision(), Lines{});
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(UuidDetached, StaysDetachedWhereItBeginsWithTheEndOfTheWindow) {
    orders.add_slots("2026-10-01", "2027-02-01");
    orders.parent.partitions.back().bounds.upper = bare("2027-02-01");
    add_bare("february", "2027-02-01", "2027-03-01");
    EXPECT_EQ(provision(), Lines{});
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(UuidDetached, WithRowsIsAttachedAgainOnceWhereItBeginsWithTheEndOfTheWindow) {
    orders.add_slots("2026-10-01", "2027-01-01");
    add_bare("february", "2027-02-01", "2027-03-01");
    orders.with_rows = {"february"};
    const Plan plan = orders.plan_on(today);
    EXPECT_EQ(actions_of(plan), Lines{"orders_2027_01: 2027-01-01 to 2027-02-01"});
    EXPECT_EQ(bounds_of(plan.provision[0]).upper, bare("2027-02-01"));
    EXPECT_EQ(cleanup(), Lines{"attach february"});
}

using Kept = Ledger;

TEST_F(Kept, IsDetachedAndNotDroppedWhenItIsOutdatedAgain) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    fill_window();
    orders.add_slots("2026-08-01", "2026-10-01");
    orders.parent.partitions.front().was_kept = true;
    EXPECT_EQ(cleanup(),
              (Lines{"detach orders_2026_08", "detach orders_2026_09", "drop orders_2026_09"}));
}

TEST_F(Kept, StaysDetachedUnderDropIfItCouldNotBeRecorded) {
    for (const CleanupPolicy policy : both_policies) {
        configuration().cleanup_policy = policy;
        orders.parent.detached.clear();
        orders.add_detached("october", "2026-10-01", "2026-11-01", CleanupPolicy::detach);
        EXPECT_EQ(provision().front(), "attach october");
        orders.parent.forgets_what_was_kept = true;
        EXPECT_EQ(provision().front(), policy == CleanupPolicy::drop
                                           ? "orders_2026_10: 2026-10-01 to 2026-11-01"
                                           : "attach october");
        orders.parent.forgets_what_was_kept = false;
    }
}

using Changed = Ledger;

TEST_F(Changed, KeepsItsSlotWhateverItsName) {
    for (const char* name : {"orders_2026_10", "october"})
        for (const CleanupPolicy policy : both_policies) {
            orders.parent.detached.clear();
            orders.add_detached(name, "2026-10-01", "2026-11-01", policy);
            orders.changed = {name};
            EXPECT_EQ(obstacles_of(plan()),
                      Lines{"orders_2026_10: 2026-10-01 to 2026-11-01: detached_changed"});
            const Anomaly reason = plan().obstacles.front().reason;
            EXPECT_EQ(reason.partition, name);
            EXPECT_EQ(reason.detail, "Table \"public." + std::string{name} +
                                         "\", which ppm detached from table \"public.orders\" and "
                                         "which holds 2026-10-01 to 2026-11-01, was changed "
                                         "since.");
        }
}

TEST_F(Changed, StaysOutWithItsRows) {
    fill_window();
    orders.add_detached("may", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    orders.with_rows = {"may"};
    EXPECT_EQ(cleanup(), Lines{"attach may"});
    orders.changed = {"may"};
    EXPECT_EQ(cleanup(), Lines{});
    ASSERT_EQ(plan().left_out.size(), 1U);
    EXPECT_EQ(plan().left_out.front().reason.code, AnomalyCode::detached_changed);
}

}  // namespace
}  // namespace ppm
