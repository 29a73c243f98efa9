// What the planner removes. What was detached before, or is being detached, is in
// planner_ledger_test.cpp.
#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

#include "core/plan/planner.hpp"
#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from September 2026 to February 2027.
class Removal : public testing::Test {
  protected:
    explicit Removal(KeyType key_type = KeyType::date) : orders{Interval::monthly, key_type} {
        configuration().retention = 2;
    }

    Configuration& configuration() { return orders.parent.configuration; }

    Lines cleanup() const { return cleanup_of(orders.plan_on(today)); }

    Orders orders;
};

TEST_F(Removal, LeavesACompleteWindowAlone) {
    orders.add_slots("2026-09-01", "2027-03-01");
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Removal, DetachesTheOutdatedFromTheOldestOn) {
    orders.add_slots("2026-06-01", "2027-03-01");
    EXPECT_EQ(cleanup(),
              (Lines{"detach orders_2026_06", "detach orders_2026_07", "detach orders_2026_08"}));
}

// Rows refer to older ones, mostly.
TEST_F(Removal, BeginsWithTheYoungestWhereRowsReferToTheSameTable) {
    orders.parent.refers_to_itself = true;
    orders.add_slots("2026-06-01", "2027-03-01");
    EXPECT_EQ(cleanup(),
              (Lines{"detach orders_2026_08", "detach orders_2026_07", "detach orders_2026_06"}));
}

TEST_F(Removal, DropsEachAfterItWasDetached) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2026-07-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_07", "drop orders_2026_07",
                                "detach orders_2026_08", "drop orders_2026_08"}));
}

// Citus refuses DETACH CONCURRENTLY.
TEST_F(Removal, DetachesPlainlyWhatIsDistributed) {
    orders.parent.table->is_distributed = true;
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2026-08-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_08 plainly", "drop orders_2026_08"}));
}

TEST_F(Removal, DoesNotAskTheOutdatedForRows) {
    orders.add_slots("2026-08-01", "2026-09-01");
    orders.with_rows = {"orders_2026_08"};
    EXPECT_EQ(cleanup(), Lines{"detach orders_2026_08"});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Removal, OfTheOutdatedNeedsARetention) {
    configuration().retention = {};
    orders.add("past", "-infinity", "2000-01-01");
    orders.add_slots("2026-01-01", "2027-03-01");
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Removal, IsNotStoppedByAHole) {
    orders.add_slots("2024-01-01", "2024-02-01");
    orders.add_slots("2025-12-01", "2026-01-01");
    orders.add_slots("2026-11-01", "2026-12-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2024_01", "detach orders_2025_12"}));
}

TEST_F(Removal, JudgesBoundsAndNotNames) {
    orders.add("orders_2026_11", "2026-07-01", "2026-08-01");
    orders.add("orders_2026_07", "2026-11-01", "2026-12-01");
    EXPECT_EQ(cleanup(), Lines{"detach orders_2026_11"});
}

TEST_F(Removal, JudgesEachPartitionByItsOwnBounds) {
    orders.add("year", "2024-01-01", "2025-01-01");
    orders.add("day", "2025-05-05", "2025-05-06");
    orders.add("quarter", "2026-07-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach year", "detach day"}));
}

TEST_F(Removal, KeepsWhatReachesOverTheStartOfTheWindow) {
    orders.add("ends with it", "2026-08-01", "2026-09-01");
    orders.add("ends a day later", "2026-09-01", "2026-09-02");
    EXPECT_EQ(cleanup(), Lines{"detach ends with it"});
    orders.parent.partitions.clear();
    orders.add("straddles it", "2020-01-01", "2026-09-02");
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Removal, TakesWhatBeginsWithMinvalueOrInfinity) {
    orders.add("minvalue", "-infinity", "2000-01-01");
    EXPECT_EQ(cleanup(), Lines{"detach minvalue"});
    const Bound infinity = Bound::of_integer(std::numeric_limits<std::int32_t>::min());
    orders.parent.partitions[0].bounds.lower = infinity;
    EXPECT_EQ(cleanup(), Lines{"detach minvalue"});
}

TEST_F(Removal, KeepsMinvalueThatReachesIntoTheWindow) {
    orders.add("past", "-infinity", "2026-09-02");
    EXPECT_EQ(cleanup(), Lines{});
}

TEST_F(Removal, NeverTouchesTheDefaultPartition) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_default("orders_2020_01");
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Removal, IsNotConcurrentWhereThereIsADefaultPartition) {
    orders.add_default("orders_default");
    orders.add_slots("2026-08-01", "2026-09-01");
    orders.add_slots("2027-03-01", "2027-04-01");
    EXPECT_EQ(cleanup(),
              (Lines{"detach orders_2026_08 plainly", "detach orders_2027_03 plainly if empty"}));
}

TEST_F(Removal, TakesSurplusIfItIsEmpty) {
    orders.add_slots("2027-02-01", "2027-05-01");
    orders.with_rows = {"orders_2027_03"};
    EXPECT_EQ(cleanup(), Lines{"detach orders_2027_04 if empty"});
}

TEST_F(Removal, AsksOnlySurplusForRows) {
    orders.add_slots("2026-06-01", "2027-05-01");
    cleanup();
    EXPECT_EQ(orders.asked_for_rows, (std::set<std::string>{"orders_2027_03", "orders_2027_04"}));
}

TEST_F(Removal, DropsSurplusIfItIsStillEmptyThen) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2027-03-01", "2027-04-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2027_03 if empty", "drop orders_2027_03 if empty"}));
}

TEST_F(Removal, TakesSurplusWithoutRetention) {
    configuration().retention = {};
    orders.add_slots("2027-03-01", "2027-04-01");
    EXPECT_EQ(cleanup(), Lines{"detach orders_2027_03 if empty"});
}

TEST_F(Removal, KeepsWhatReachesOverTheEndOfTheWindow) {
    orders.add("future", "2027-02-28", "2030-01-01");
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Removal, KeepsWhatHasNoEnd) {
    orders.add("maxvalue", "2030-01-01", "infinity");
    EXPECT_EQ(cleanup(), Lines{});
    const Bound infinity = Bound::of_integer(std::numeric_limits<std::int32_t>::max());
    orders.parent.partitions[0].bounds.upper = infinity;
    EXPECT_EQ(cleanup(), Lines{});
    orders.parent.partitions[0].bounds = {infinity, Bound::max_value()};
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

TEST_F(Removal, PassesOnThatItCouldNotAskForRows) {
    orders.add_slots("2027-03-01", "2027-04-01");
    const Window window = orders.window_on(today);
    Lookups lookups;
    lookups.relation_exists = [](const std::string&) { return false; };
    lookups.is_empty = [](const Partition&) -> bool { throw std::runtime_error{"cancelled"}; };
    EXPECT_THROW(compute_plan(orders.parent, orders.codec, {window, window}, lookups),
                 std::runtime_error);
}

// The work date is not today.
class WorkDate : public Removal {
  protected:
    WorkDate() { orders.add_slots("2025-10-01", "2028-05-01"); }

    void give_rows_to_all() {
        for (const Partition& each : orders.parent.partitions)
            orders.with_rows.insert(each.name);
    }

    std::string removed_on(const std::string& work_date) const {
        std::string removed;
        for (const Action& action : orders.plan_on(work_date, today).cleanup)
            removed += (removed.empty() ? "" : " ") + partition_of(action).substr(7);
        return removed;
    }
};

TEST_F(WorkDate, AfterTodayRemovesNoRowsButTheOutdatedOfToday) {
    give_rows_to_all();
    EXPECT_EQ(removed_on("2027-11-22"), removed_on(today));
    EXPECT_EQ(removed_on("2027-11-22"),
              "2025_10 2025_11 2025_12 2026_01 2026_02 2026_03 2026_04 2026_05 2026_06 2026_07 "
              "2026_08");
}

TEST_F(WorkDate, AfterTodayLeavesTheWindowOfTodayAloneAndRemovesTheEmptyBetweenTheTwo) {
    give_rows_to_all();
    for (const char* empty : {"orders_2026_11", "orders_2027_02", "orders_2027_03",
                              "orders_2027_08", "orders_2027_09", "orders_2028_03"})
        orders.with_rows.erase(empty);
    orders.parent.partitions.erase(orders.parent.partitions.begin(),
                                   orders.parent.partitions.begin() + 11);
    EXPECT_EQ(cleanup_of(orders.plan_on("2027-11-22", today)),
              (Lines{"detach orders_2027_03 if empty", "detach orders_2027_08 if empty",
                     "detach orders_2028_03 if empty"}));
}

TEST_F(WorkDate, BeforeTodayRemovesNoRowsButTheOutdatedOfItsOwn) {
    give_rows_to_all();
    EXPECT_EQ(removed_on("2026-03-31"), "2025_10 2025_11 2025_12");
}

TEST_F(WorkDate, BeforeTodayLeavesBothWindowsAloneAndRemovesTheEmptyBetweenTheTwo) {
    EXPECT_EQ(removed_on("2026-03-31"),
              "2025_10 2025_11 2025_12 2026_07 2026_08 2027_03 2027_04 2027_05 2027_06 2027_07 "
              "2027_08 2027_09 2027_10 2027_11 2027_12 2028_01 2028_02 2028_03 2028_04");
}

TEST_F(WorkDate, InTheFarFutureRemovesWhatTodayDoes) {
    for (const char* far : {"2100-01-01", "9999-12-31"})
        EXPECT_EQ(removed_on(far), removed_on(today)) << far;
}

TEST_F(WorkDate, InTheFarPastRemovesNoRows) {
    give_rows_to_all();
    for (const char* far : {"0001-01-01", "1999-12-31"})
        EXPECT_EQ(removed_on(far), "") << far;
}

TEST_F(WorkDate, WithoutRetentionRemovesNoneOfThePast) {
    configuration().retention = {};
    for (const char* date : {"0001-01-01", "2026-03-31", "2027-11-22", "9999-12-31"}) {
        const std::string removed = removed_on(date);
        EXPECT_TRUE(removed.empty() || removed >= "2027_03") << date << ": " << removed;
    }
}

TEST_F(WorkDate, NeverRemovesTheCurrentSlotOfToday) {
    for (const Interval interval : {Interval::daily, Interval::weekly, Interval::monthly,
                                    Interval::quarterly, Interval::yearly}) {
        const Slot current = slot_at(interval, civil(today));
        Orders of_interval{interval};
        of_interval.parent.configuration.retention = 1;
        of_interval.add_slots(to_text(current.lower), to_text(current.upper));
        for (const char* date : {"0001-01-01", "2020-02-29", today, "2033-03-03", "9999-12-31"})
            EXPECT_EQ(cleanup_of(of_interval.plan_on(date, today)), Lines{}) << date;
    }
}

// One uuid later than versioned().
Bound behind(const std::string& time) {
    Uuid uuid = versioned(time).bytes();
    uuid[15] = 1;
    return Bound::of_bytes(uuid);
}

class UuidRemoval : public Removal {
  protected:
    UuidRemoval() : Removal{KeyType::uuid} {}

    Lines cleanup_with(const BoundRange& bounds) {
        orders.parent.partitions = {orders.partition("p", bounds)};
        return cleanup();
    }
};

TEST_F(UuidRemoval, TakesWhatEndsWithTheStartOfTheWindowHoweverThatIsWritten) {
    EXPECT_EQ(cleanup_with({bare("2026-08-01"), bare("2026-09-01")}), Lines{"detach p"});
    EXPECT_EQ(cleanup_with({bare("2026-08-01"), versioned("2026-09-01")}), Lines{"detach p"});
    EXPECT_EQ(cleanup_with({bare("2026-08-01"), behind("2026-09-01")}), Lines{});
}

TEST_F(UuidRemoval, TakesSurplusThatBeginsWithTheEndOfTheWindowHoweverThatIsWritten) {
    EXPECT_EQ(cleanup_with({bare("2027-03-01"), bare("2027-04-01")}), Lines{"detach p if empty"});
    EXPECT_EQ(cleanup_with({versioned("2027-03-01"), bare("2027-04-01")}),
              Lines{"detach p if empty"});
    EXPECT_EQ(cleanup_with({bare("2027-02-28 23:59:59.999"), bare("2027-04-01")}), Lines{});
}

TEST_F(UuidRemoval, LeavesBareSlotsOfTheWindowAlone) {
    EXPECT_EQ(cleanup_with({bare("2026-09-01"), bare("2026-10-01")}), Lines{});
    EXPECT_EQ(cleanup_with({bare("2027-02-01"), bare("2027-03-01")}), Lines{});
}

TEST_F(UuidRemoval, KeepsWhatHasNoEnd) {
    EXPECT_EQ(cleanup_with({bare("2027-03-01"), Bound::max_value()}), Lines{});
    EXPECT_TRUE(orders.asked_for_rows.empty());
}

}  // namespace
}  // namespace ppm
