// What waits to be dropped: drop_delay.
#include <gtest/gtest.h>

#include "checks.hpp"
#include "core/check/check.hpp"
#include "core/plan/planner.hpp"
#include "key_bounds.hpp"
#include "orders.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from October 2026 to January 2027, all there.
class DropDelay : public testing::Test {
  protected:
    DropDelay() : orders{Interval::monthly} {
        Configuration& configuration = orders.parent.configuration;
        configuration.retention = 1;
        configuration.pre_provisioned = 2;
        configuration.cleanup_policy = CleanupPolicy::drop;
        configuration.drop_delay = "7 days";
        orders.add_slots("2026-10-01", "2027-02-01");
    }

    void add_waiting(const std::string& name, const std::string& lower, const std::string& upper,
                     const std::string& drop_after) {
        DetachedPartition detached{orders.partition(name, orders.bounds(lower, upper)),
                                   CleanupPolicy::drop, true};
        detached.drop_after = DropAfter{utc_instant(drop_after), drop_after};
        orders.add_detached(std::move(detached));
    }

    // As if the first one had waited for long enough.
    void let_time_pass() {
        orders.parent.detached.front().drop_after->at = utc_instant("2026-11-21");
    }

    // When each is dropped.
    Lines later() const {
        Lines lines;
        for (const LaterDrop& drop : orders.plan(windows_of_now()).later)
            lines.push_back(drop.partition.name + " " + drop.when);
        return lines;
    }
    Windows windows_of_now() const {
        Windows windows = orders.plan_windows(today);
        windows.now = utc_instant(today);
        return windows;
    }
    Lines cleanup() const { return cleanup_of(orders.plan(windows_of_now())); }
    Lines anomalies() const { return lines_of(check(orders, windows_of_now())); }

    Orders orders;
};

TEST_F(DropDelay, KeepsWhatIsDetached) {
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(cleanup(), Lines{"detach orders_2026_09"});
    EXPECT_EQ(later(), Lines{"orders_2026_09 7 days after it was detached"});
}

TEST_F(DropDelay, OfZeroDropsAtOnce) {
    orders.parent.configuration.drop_delay = "";
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(cleanup(), (Lines{"detach orders_2026_09", "drop orders_2026_09"}));
    EXPECT_EQ(later(), Lines{});
}

TEST_F(DropDelay, DoesNotApplyUnderPolicyDetach) {
    orders.parent.configuration.cleanup_policy = CleanupPolicy::detach;
    orders.add_slots("2026-09-01", "2026-10-01");
    EXPECT_EQ(cleanup(), Lines{"detach orders_2026_09"});
    EXPECT_EQ(later(), Lines{});
}

TEST_F(DropDelay, IsNoAnomalyBeforeItIsOver) {
    add_waiting("orders_2026_09", "2026-09-01", "2026-10-01", "2026-11-29");
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_EQ(later(), Lines{"orders_2026_09 after 2026-11-29"});
    EXPECT_EQ(anomalies(), Lines{});
}

TEST_F(DropDelay, EndsInADrop) {
    add_waiting("orders_2026_09", "2026-09-01", "2026-10-01", "2026-11-21");
    EXPECT_EQ(cleanup(), Lines{"drop orders_2026_09"});
    EXPECT_EQ(later(), Lines{});
    EXPECT_EQ(anomalies(), Lines{"pending_drop orders_2026_09"});
}

TEST_F(DropDelay, LetsAGrownRetentionBringItBack) {
    add_waiting("orders_2026_09", "2026-09-01", "2026-10-01", "2026-11-29");
    orders.parent.configuration.retention = 2;
    EXPECT_EQ(actions_of(orders.plan(windows_of_now())), Lines{"attach orders_2026_09"});
    EXPECT_EQ(later(), Lines{});
}

TEST_F(DropDelay, HoldsForWhatWasRepartitioned) {
    add_waiting("orders_2026_12_old", "2026-12-01", "2027-01-01", "2026-11-29");
    orders.parent.detached.front().is_repartitioned = true;
    EXPECT_EQ(cleanup(), Lines{});
    EXPECT_EQ(later(), Lines{"orders_2026_12_old after 2026-11-29"});
    let_time_pass();
    EXPECT_EQ(cleanup(), Lines{"drop orders_2026_12_old"});
}

TEST_F(DropDelay, ReportsNoClockJumpWhileNothingWouldBeDropped) {
    add_waiting("orders_2026_09", "2026-09-01", "2026-10-01", "2026-11-29");
    orders.parent.clock_reference =
        ClockReference{utc_instant("2020-01-01"), ClockReference::Kind::failed};
    EXPECT_FALSE(orders.plan(windows_of_now()).clock_jump);
    let_time_pass();
    EXPECT_TRUE(orders.plan(windows_of_now()).clock_jump);
    EXPECT_EQ(cleanup_of(orders.plan(windows_of_now())), Lines{});
}

}  // namespace
}  // namespace ppm
