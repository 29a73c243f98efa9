// What the planner makes of a clock that may have jumped.
#include <gtest/gtest.h>

#include "checks.hpp"
#include "core/plan/planner.hpp"
#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

using Kind = ClockReference::Kind;

// By day, with a window of seven: three before today, today, three after.
class ClockJump : public testing::Test {
  protected:
    ClockJump() {
        orders.parent.configuration.retention = 3;
        orders.add_slots("2026-11-19", "2026-11-26");
    }

    Windows windows_at(const std::string& now) const {
        const Window window = orders.window_on(now.substr(0, 10));
        return {.work = window, .today = window, .now = utc_instant(now)};
    }

    void last_cleanup(const std::string& at, Kind kind = Kind::cleaned_up) {
        orders.parent.clock_reference = {utc_instant(at), kind};
    }

    bool removes(const std::string& now) const {
        const Plan plan = orders.plan(windows_at(now));
        EXPECT_NE(plan.clock_jump.has_value(), !plan.cleanup.empty());
        return !plan.clock_jump;
    }

    Orders orders{Interval::daily};
};

TEST_F(ClockJump, IsBelievedWithoutAReference) {
    EXPECT_TRUE(removes("2031-11-22"));
}

TEST_F(ClockJump, OfAWindowIsNone) {
    last_cleanup("2026-11-22");
    EXPECT_TRUE(removes("2026-11-29"));
    EXPECT_FALSE(removes("2026-11-30"));
    EXPECT_FALSE(removes("2031-11-22"));
}

TEST_F(ClockJump, IsNoneWhereNothingIsOutdated) {
    last_cleanup("2026-11-22");
    orders.parent.configuration.retention = {};
    EXPECT_FALSE(orders.plan(windows_at("2031-11-22")).clock_jump);
}

TEST_F(ClockJump, IsRefutedByRowsOfNow) {
    last_cleanup("2020-01-01");
    EXPECT_FALSE(removes("2026-11-25"));
    orders.with_rows = {"orders_2026_11_20", "orders_2026_11_25"};
    EXPECT_TRUE(removes("2026-11-25"));
}

TEST_F(ClockJump, IsRefutedByRowsOfAWindowAgo) {
    last_cleanup("2020-01-01");
    orders.with_rows = {"orders_2026_11_20"};
    EXPECT_TRUE(removes("2026-11-28"));
    EXPECT_FALSE(removes("2026-11-29"));
}

TEST_F(ClockJump, IsNotRefutedByRowsOfTheFuture) {
    last_cleanup("2020-01-01");
    orders.with_rows = {"orders_2026_11_22", "orders_2026_11_25"};
    EXPECT_FALSE(removes("2026-11-24"));
}

TEST_F(ClockJump, IsNotRefutedByRowsWithoutATime) {
    last_cleanup("2020-01-01");
    orders.add("future", "2026-11-26", "infinity");
    orders.add("past", "-infinity", "2026-11-19");
    orders.with_rows = {"future", "past"};
    EXPECT_FALSE(removes("2026-11-28"));
    orders.with_rows.insert("orders_2026_11_25");
    EXPECT_TRUE(removes("2026-11-28"));
}

TEST_F(ClockJump, IsNotRefutedByRowsAfterAFailure) {
    last_cleanup("2020-01-01", Kind::failed);
    orders.with_rows = {"orders_2026_11_25"};
    EXPECT_FALSE(removes("2026-11-25"));
}

TEST_F(ClockJump, BeforeTheFirstCleanupNeedsRowsToBeSeen) {
    last_cleanup("2020-01-01", Kind::server_started);
    EXPECT_TRUE(removes("2026-11-25"));
    orders.with_rows = {"orders_2026_11_25"};
    EXPECT_TRUE(removes("2026-11-25"));
    EXPECT_FALSE(removes("2031-11-22"));
}

TEST_F(ClockJump, StopsNeitherSurplusNorNewPartitions) {
    last_cleanup("2020-01-01", Kind::failed);
    orders.add_slots("2031-11-26", "2031-11-28");
    const Plan plan = orders.plan(windows_at("2031-11-22"));
    EXPECT_TRUE(plan.clock_jump);
    EXPECT_EQ(cleanup_of(plan),
              (Lines{"detach orders_2031_11_26 if empty", "detach orders_2031_11_27 if empty"}));
    EXPECT_EQ(actions_of(plan).size(), 7);
}

TEST_F(ClockJump, StopsTheDropOfWhatIsDetached) {
    last_cleanup("2026-11-22");
    orders.parent.configuration.cleanup_policy = CleanupPolicy::drop;
    orders.parent.partitions.clear();
    orders.add_detached("orders_2026_11_21", "2026-11-21", "2026-11-22", CleanupPolicy::drop);
    const Windows windows = windows_at("2031-11-22");
    EXPECT_EQ(cleanup_of(orders.plan(windows)), Lines{});
    EXPECT_EQ(lines_of(check(orders, windows)).back(), "clock_jump");
}

TEST_F(ClockJump, BackRemovesNothingSurplus) {
    last_cleanup("2026-11-22");
    const Windows windows = windows_at("2026-11-20");
    orders.add_slots("2026-11-17", "2026-11-19");
    orders.add_slots("2026-11-16", "2026-11-17");
    const Plan plan = orders.plan(windows);
    ASSERT_TRUE(plan.clock_jump);
    EXPECT_EQ(plan.clock_jump->detail,
              "The clock says 2026-11-20, before 2026-11-22, when the last cleanup ended: nothing "
              "surplus is removed.");
    // What is outdated by that clock is by any later one.
    EXPECT_EQ(cleanup_of(plan), Lines{"detach orders_2026_11_16"});
    EXPECT_EQ(lines_of(check(orders, windows)),
              (Lines{"clock_jump", "outdated_partition orders_2026_11_16"}));
}

TEST_F(ClockJump, BackByAMinuteIsNone) {
    last_cleanup("2026-11-20 00:01");
    EXPECT_EQ(cleanup_of(orders.plan(windows_at("2026-11-20"))),
              (Lines{"detach orders_2026_11_24 if empty", "detach orders_2026_11_25 if empty"}));
}

TEST_F(ClockJump, BackMattersOnlyWhereSomethingIsSurplus) {
    last_cleanup("2026-11-23");
    EXPECT_FALSE(orders.plan(windows_at("2026-11-22")).clock_jump);
    orders.add_slots("2026-11-26", "2026-11-27");
    EXPECT_TRUE(orders.plan(windows_at("2026-11-22")).clock_jump);
    orders.with_rows = {"orders_2026_11_26"};
    EXPECT_FALSE(orders.plan(windows_at("2026-11-22")).clock_jump);
}

TEST_F(ClockJump, IsWhatCheckSaysInsteadOfOutdated) {
    last_cleanup("2026-11-22");
    const std::vector<Anomaly> anomalies = check(orders, windows_at("2031-11-22"));
    const auto count = [&](AnomalyCode code) {
        return std::ranges::count(anomalies, code, &Anomaly::code);
    };
    EXPECT_EQ(count(AnomalyCode::clock_jump), 1);
    EXPECT_EQ(count(AnomalyCode::outdated_partition), 0);
    const auto jump = std::ranges::find(anomalies, AnomalyCode::clock_jump, &Anomaly::code);
    EXPECT_EQ(jump->detail,
              "The clock says 2031-11-22, more than a window after 2026-11-22, when the last "
              "cleanup ended: nothing outdated is removed.");
    EXPECT_EQ(jump->hint,
              "If the clock is right, write the row again: UPDATE ppm.config SET retention = "
              "retention WHERE schema_name = 'public' AND table_name = 'orders';");
}

}  // namespace
}  // namespace ppm
