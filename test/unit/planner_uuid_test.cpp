// Plans of a UUIDv7 key. Other tools write its bounds "bare", with the time and nothing else. Such
// a bound and ppm's own of the same instant differ, but no key lies between the two.
#include <gtest/gtest.h>

#include "core/plan/planner.hpp"
#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

class UuidPlanner : public testing::Test {
  protected:
    void add_bare(const std::string& name, const std::string& lower, const std::string& upper) {
        orders.add(orders.partition(name, {bare(lower), bare(upper)}));
    }

    void expect_created(const Plan& plan, const std::string& name, const BoundRange& bounds) {
        ASSERT_EQ(plan.provision.size(), 1U);
        const auto& create = std::get<CreatePartition>(plan.provision[0]);
        EXPECT_EQ(create.name, name);
        EXPECT_EQ(create.bounds, bounds);
        EXPECT_EQ(obstacles_of(plan), Lines{});
    }

    Orders orders{Interval::daily, KeyType::uuid};
};

TEST_F(UuidPlanner, CreatesBoundsWithVersionAndVariant) {
    expect_created(orders.plan("2026-11-22", "2026-11-23"), "orders_2026_11_22",
                   {versioned("2026-11-22"), versioned("2026-11-23")});
}

TEST_F(UuidPlanner, SeesThatBarePartitionsCoverTheirDays) {
    add_bare("a", "2026-11-21", "2026-11-22");
    add_bare("b", "2026-11-22", "2026-11-23");
    const Plan plan = orders.plan("2026-11-21", "2026-11-23");
    EXPECT_EQ(actions_of(plan), Lines{});
    EXPECT_EQ(obstacles_of(plan), Lines{});
}

TEST_F(UuidPlanner, NamesTheDayBetweenTwoBarePartitionsAsAWholeSlot) {
    add_bare("orders_2026_11_21", "2026-11-21", "2026-11-22");
    add_bare("orders_2026_11_23", "2026-11-23", "2026-11-24");
    const Plan plan = orders.plan("2026-11-21", "2026-11-24");
    EXPECT_EQ(actions_of(plan), Lines{"orders_2026_11_22: 2026-11-22 to 2026-11-23"});
}

TEST_F(UuidPlanner, EndsWhereTheNextBarePartitionBegins) {
    add_bare("orders_2026_11_23", "2026-11-23", "2026-11-24");
    // Its own bound of the 23rd would reach over the bare one.
    expect_created(orders.plan("2026-11-22", "2026-11-24"), "orders_2026_11_22",
                   {versioned("2026-11-22"), bare("2026-11-23")});
}

TEST_F(UuidPlanner, BeginsAPieceWhereABarePartitionEndsInsideTheDay) {
    add_bare("morning", "2026-11-22", "2026-11-22 12:00");
    add_bare("night", "2026-11-22 20:00", "2026-11-23");
    expect_created(orders.plan("2026-11-22", "2026-11-23"), "orders_202611221200_202611222000",
                   {bare("2026-11-22 12:00"), bare("2026-11-22 20:00")});
}

TEST_F(UuidPlanner, LeavesTheSliverBetweenBareAndVersionedAlone) {
    add_bare("bare", "2026-11-21", "2026-11-22");
    orders.add(orders.partition("versioned", {versioned("2026-11-22"), versioned("2026-11-23")}));
    add_bare("bare again", "2026-11-24", "2026-11-25");
    EXPECT_EQ(actions_of(orders.plan("2026-11-21", "2026-11-25")),
              Lines{"orders_2026_11_23: 2026-11-23 to 2026-11-24"});
}

TEST_F(UuidPlanner, FillsAHoleOfUuidsInsideOneMillisecond) {
    Uuid inside = uuidv7_lower_bound(utc_instant("2026-11-22"));
    inside[15] = 1;
    orders.add(orders.partition("rest", {Bound::of_bytes(inside), versioned("2026-11-23")}));
    expect_created(orders.plan("2026-11-22", "2026-11-23"), "orders_20261122_20261122",
                   {versioned("2026-11-22"), Bound::of_bytes(inside)});
}

// Of 2026-11-22, with a retention of one day.
class UuidTelling : public UuidPlanner {
  protected:
    UuidTelling() {
        orders.parent.configuration.retention = 1;
        orders.parent.configuration.cleanup_policy = CleanupPolicy::drop;
        add("old", "2026-11-01", "2026-11-02");
        add("older", "2026-10-01", "2026-10-02");
        add("now", "2026-11-22", "2026-11-23");
        add("far", "2027-01-01", "2027-01-02");
    }
    void add(const std::string& name, const std::string& lower, const std::string& upper) {
        orders.add(orders.partition(name, {versioned(lower), versioned(upper)}));
    }
    Plan plan() const { return orders.plan_on("2026-11-22"); }
    // Nothing is removed because of that partition, in these words.
    void expect_refused(const std::string& partition, const std::string& why) {
        EXPECT_EQ(cleanup_of(plan()), Lines{});
        ASSERT_EQ(plan().refusals.size(), 1U);
        const Anomaly refusal = plan().refusals.front();
        EXPECT_EQ(refusal.code, AnomalyCode::encoding_suspect);
        EXPECT_EQ(refusal.partition, partition);
        EXPECT_EQ(refusal.detail,
                  "Partition \"" + partition + "\" of table \"public.orders\" " + why +
                      ", which is not a UUID of version 7 and does not tell the time: nothing "
                      "of the table is removed.");
    }
    static Bound random(std::uint8_t first) {
        return Bound::of_bytes({first, 0x3c, 1, 2, 3, 4, 0x4d, 0xef, 0x91, 6, 7, 8, 9, 10, 11, 12});
    }

    const Lines all{"detach older", "drop older",          "detach old",
                    "drop old",     "detach far if empty", "drop far if empty"};
};

TEST_F(UuidTelling, RemovesWhatOnlyHasBoundsAndKeysOfVersion7OrBareBounds) {
    add_bare("bare", "2026-11-18", "2026-11-19");
    Lines more = all;
    more.insert(more.begin() + 4, {"detach bare", "drop bare"});
    EXPECT_EQ(cleanup_of(plan()), more);
    EXPECT_TRUE(plan().refusals.empty());
}

TEST_F(UuidTelling, RefusesWhereAKeyOfWhatLiesOutsideIsOfAnotherVersion) {
    orders.keys_without_time = {{"old", random(0x8f)}};
    expect_refused("old", "has a row with the key 8f3c0102-0304-4def-9106-0708090a0b0c");
    orders.with_rows = {"far"};
    orders.keys_without_time = {{"far", random(1)}};
    expect_refused("far", "has a row with the key 013c0102-0304-4def-9106-0708090a0b0c");
}

TEST_F(UuidTelling, RefusesWhereAKeyOfWhatIsToBeDroppedIsOfAnotherVersion) {
    orders.add_detached(
        {orders.partition("gone", {versioned("2026-09-01"), versioned("2026-09-02")}),
         CleanupPolicy::drop, true});
    orders.keys_without_time = {{"gone", random(0x8f)}};
    expect_refused("gone", "has a row with the key 8f3c0102-0304-4def-9106-0708090a0b0c");
}

TEST_F(UuidTelling, RefusesWhereAnyBoundIsOfAnotherVersion) {
    orders.add(orders.partition("odd", {random(0xf0), random(0xf1)}));
    expect_refused("odd", "begins at f03c0102-0304-4def-9106-0708090a0b0c");
    orders.parent.partitions.pop_back();
    orders.add(orders.partition("odd", {versioned("2026-11-23"), random(0xf1)}));
    expect_refused("odd", "ends at f13c0102-0304-4def-9106-0708090a0b0c");
}

TEST_F(UuidTelling, AcceptsPartitionsWithoutAnEnd) {
    Uuid largest;
    largest.fill(0xff);
    orders.add(orders.partition("begin", {Bound::min_value(), bare("2026-01-01")}));
    orders.add(orders.partition("end", {versioned("2028-01-01"), Bound::of_bytes(largest)}));
    EXPECT_TRUE(plan().refusals.empty());
    EXPECT_EQ(cleanup_of(plan()).size(), all.size() + 2);
}

TEST_F(UuidTelling, DoesNotLookWhereNothingIsToBeRemoved) {
    orders.keys_without_time = {{"now", random(1)}};
    EXPECT_EQ(cleanup_of(plan()), all);
    orders.parent.configuration.retention = {};
    orders.with_rows = {"far"};
    orders.keys_without_time = {{"far", random(1)}};
    EXPECT_TRUE(plan().refusals.empty());
}

TEST_F(UuidTelling, FindsNothingOutdatedByAWindowFromBefore1970) {
    orders.parent.configuration.interval = Interval::yearly;
    orders.parent.partitions.clear();
    orders.add(orders.partition("begin", {Bound::min_value(), versioned("1970-01-01")}));
    orders.parent.configuration.retention = 56;
    EXPECT_EQ(cleanup_of(plan()), (Lines{"detach begin", "drop begin"}));
    orders.parent.configuration.retention = 57;
    EXPECT_EQ(cleanup_of(plan()), Lines{});
}

TEST_F(UuidPlanner, CreatesNothingBefore1970) {
    EXPECT_EQ(actions_of(orders.plan("1969-12-30", "1970-01-02")),
              Lines{"orders_1970_01_01: 1970-01-01 to 1970-01-02"});
}

TEST(UuidPlannerByWeek, CreatesTheWeekThat1970BeginsIn) {
    const Orders orders{Interval::weekly, KeyType::uuid};
    EXPECT_EQ(actions_of(orders.plan("1969-12-22", "1970-01-05")),
              Lines{"orders_1970_w01: 1969-12-29 to 1970-01-05"});
}

TEST_F(UuidPlanner, BlocksTheDayOfABarePendingDetach) {
    orders.add_pending("orders_2026_11_22", "2026-11-22", "2026-11-23");
    orders.parent.partitions[0].bounds = {bare("2026-11-22"), bare("2026-11-23")};
    const Plan plan = orders.plan("2026-11-22", "2026-11-24");
    EXPECT_EQ(obstacles_of(plan),
              Lines{"orders_2026_11_22: 2026-11-22 to 2026-11-23: pending_detach"});
    EXPECT_EQ(actions_of(plan), Lines{"orders_2026_11_23: 2026-11-23 to 2026-11-24"});
}

// It was to be kept, is outdated by the real date, and the policy of now would drop it.
TEST_F(UuidPlanner, MakesADayWholeInWhichABareTableBeginsThatStaysDetached) {
    orders.parent.configuration.cleanup_policy = CleanupPolicy::drop;
    orders.add_detached({orders.partition("noon", {bare("2026-11-22 12:00"), bare("2026-11-25")}),
                         CleanupPolicy::detach, true});
    const Windows windows{
        .work = {Interval::daily, civil("2026-11-22"), civil("2026-11-24"), false},
        .today = {Interval::daily, civil("2027-11-22"), civil("2027-11-24"), false}};
    const Lines days{"orders_2026_11_22: 2026-11-22 to 2026-11-23",
                     "orders_2026_11_23: 2026-11-23 to 2026-11-24"};
    EXPECT_EQ(actions_of(orders.plan(windows)), days);
}

// Behind the window it may come back.
TEST_F(UuidPlanner, LeavesOutTheStartOfABareTableThatStaysDetachedBehindTheWindow) {
    orders.add_detached({orders.partition("later", {bare("2026-11-23"), bare("2026-11-24")}),
                         CleanupPolicy::detach, true});
    expect_created(orders.plan("2026-11-22", "2026-11-23"), "orders_2026_11_22",
                   {versioned("2026-11-22"), bare("2026-11-23")});
}

TEST_F(UuidPlanner, DoesNotBlockTheDayBeforeABarePendingDetach) {
    orders.add_pending("orders_2026_11_23", "2026-11-23", "2026-11-24");
    orders.parent.partitions[0].bounds = {bare("2026-11-23"), bare("2026-11-24")};
    expect_created(orders.plan("2026-11-22", "2026-11-23"), "orders_2026_11_22",
                   {versioned("2026-11-22"), bare("2026-11-23")});
}

}  // namespace
}  // namespace ppm
