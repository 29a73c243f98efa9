// What a check finds of what is in ppm.detached.
#include <gtest/gtest.h>

#include "checks.hpp"
#include "core/check/check.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from October 2026 to January 2027, all there.
class CheckDetached : public testing::Test {
  protected:
    CheckDetached() : orders{Interval::monthly} {
        configuration().retention = 1;
        configuration().pre_provisioned = 2;
        configuration().cleanup_policy = CleanupPolicy::drop;
        orders.add_slots("2026-10-01", "2027-02-01");
    }

    Configuration& configuration() { return orders.parent.configuration; }
    DetachedPartition& detached() { return orders.parent.detached.front(); }

    void add_september(CleanupPolicy policy) {
        orders.add_detached("orders_2026_09", "2026-09-01", "2026-10-01", policy);
    }
    void add_may(CleanupPolicy policy) {
        orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", policy);
    }

    std::vector<Anomaly> check_on(const std::string& work_date) const {
        return check(orders, {orders.window_on(work_date), orders.window_on(today)}, answers);
    }
    Lines found(const std::string& work_date = today) const {
        return lines_of(check_on(work_date));
    }
    Anomaly only_anomaly() const {
        const std::vector<Anomaly> anomalies = check_on(today);
        EXPECT_EQ(anomalies.size(), 1U);
        return anomalies.empty() ? Anomaly{} : anomalies.front();
    }
    std::string keep_or_drop() const {
        const Partition& partition = orders.parent.detached.front().partition;
        return "To keep it: DELETE FROM ppm.detached WHERE relation = " +
               std::to_string(partition.relation) + "; or, to lose its rows: DROP TABLE public." +
               partition.name + ";";
    }

    Orders orders;
    Answers answers;
};

TEST_F(CheckDetached, FindsWhatIsToBeDropped) {
    add_september(CleanupPolicy::drop);
    const Anomaly pending = only_anomaly();
    EXPECT_EQ(line_of(pending), "pending_drop orders_2026_09");
    EXPECT_EQ(pending.detail,
              "Table \"public.orders_2026_09\", of 2026-09-01 to 2026-10-01, was detached and is "
              "to be dropped.");
    EXPECT_EQ(pending.hint, "CALL ppm.cleanup('public.orders');");
}

TEST_F(CheckDetached, SaysWhyTheLastAttemptFailed) {
    add_september(CleanupPolicy::drop);
    answers.failures = {{"orders_2026_09", {"a view depends on it"}}};
    const Anomaly pending = only_anomaly();
    EXPECT_EQ(pending.detail,
              "Table \"public.orders_2026_09\", of 2026-09-01 to 2026-10-01, was detached and is "
              "to be dropped. The last attempt failed: a view depends on it.");
    EXPECT_EQ(pending.hint, "When that is fixed: CALL ppm.cleanup('public.orders'); tries again. " +
                                keep_or_drop());
}

// No hint is a call that cannot succeed, and none is to mend what has gone by itself.
TEST_F(CheckDetached, SaysToFixOnlyWhatDoesNotPassByItself) {
    add_september(CleanupPolicy::drop);
    answers.failures = {{"orders_2026_09", {"canceling statement due to lock timeout", true}}};
    EXPECT_EQ(only_anomaly().hint,
              "CALL ppm.cleanup('public.orders'); tries again. " + keep_or_drop());
}

TEST_F(CheckDetached, FindsWhatPpmMayNotHaveDetached) {
    add_september(CleanupPolicy::drop);
    detached().is_unconfirmed = true;
    const Anomaly pending = only_anomaly();
    EXPECT_EQ(line_of(pending), "pending_drop orders_2026_09");
    EXPECT_EQ(pending.detail,
              "Table \"public.orders_2026_09\", of 2026-09-01 to 2026-10-01, was detached and was "
              "to be dropped. Cleanup leaves it: somebody else finished detaching it.");
    EXPECT_EQ(pending.hint, keep_or_drop());
}

TEST_F(CheckDetached, FindsWhatGotRows) {
    add_may(CleanupPolicy::drop);
    orders.with_rows = {"orders_2027_05"};
    const Anomaly pending = only_anomaly();
    EXPECT_EQ(pending.detail,
              "Table \"public.orders_2027_05\", of 2027-05-01 to 2027-06-01, was detached and got "
              "rows: cleanup attaches it again.");
    EXPECT_EQ(pending.hint, "CALL ppm.cleanup('public.orders');");
}

TEST_F(CheckDetached, FindsWhatGotRowsAndWasChanged) {
    for (const CleanupPolicy policy : {CleanupPolicy::detach, CleanupPolicy::drop}) {
        orders.parent.detached.clear();
        add_may(policy);
        orders.with_rows = {"orders_2027_05"};
        orders.changed = {"orders_2027_05"};
        EXPECT_EQ(line_of(only_anomaly()), "detached_changed orders_2027_05");
    }
}

TEST_F(CheckDetached, FindsWhatCanNeitherBeDroppedNorAttached) {
    orders.add_detached("november", "2026-11-01", "2026-12-01", CleanupPolicy::drop);
    const Anomaly pending = only_anomaly();
    EXPECT_EQ(pending.detail,
              "Table \"public.november\", of 2026-11-01 to 2026-12-01, was detached and was to be "
              "dropped. Cleanup leaves it: it has rows, or is no longer outdated.");
    EXPECT_EQ(pending.hint, keep_or_drop());
}

TEST_F(CheckDetached, FindsOnlyThatThePartitionIsMissingWhereItIsWantedBack) {
    orders.parent.partitions.erase(orders.parent.partitions.begin() + 1);
    orders.add_detached("november", "2026-11-01", "2026-12-01", CleanupPolicy::drop);
    const Anomaly missing = only_anomaly();
    EXPECT_EQ(line_of(missing), "missing_partition november");
    EXPECT_EQ(missing.detail,
              "No partition of table \"public.orders\" covers 2026-11-01 to 2026-12-01. "
              "Table \"november\", which ppm detached, holds it.");
    EXPECT_EQ(missing.hint, "CALL ppm.provision('public.orders');");
}

TEST_F(CheckDetached, ListsWhatIsWantedBackAmongWhatElseIsMissingInOrder) {
    orders.parent.partitions.clear();
    orders.add_detached("november", "2026-11-01", "2026-12-01", CleanupPolicy::drop);
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_10", "missing_partition november",
                     "missing_partition orders_2026_12", "missing_partition orders_2027_01"}));
}

TEST_F(CheckDetached, FindsNothingWrongWithWhatWasDetachedToBeKept) {
    add_september(CleanupPolicy::detach);
    EXPECT_EQ(found(), Lines{});
}

TEST_F(CheckDetached, FindsNothingWrongWithWhatThePolicyKeepsNow) {
    add_september(CleanupPolicy::drop);
    configuration().cleanup_policy = CleanupPolicy::detach;
    EXPECT_EQ(found(), Lines{});
}

TEST_F(CheckDetached, SaysWhatFollowsADetachThatIsPending) {
    orders.add_pending_of_ppm("orders_2026_09", "2026-09-01", "2026-10-01", CleanupPolicy::drop);
    EXPECT_EQ(only_anomaly().detail,
              "Detaching partition \"orders_2026_09\", of 2026-09-01 to 2026-10-01, was "
              "interrupted. Cleanup finishes it, and then drops the table. To keep it, raise "
              "retention first.");
    configuration().retention = 2;
    EXPECT_EQ(check_on(today).back().detail,
              "Detaching partition \"orders_2026_09\", of 2026-09-01 to 2026-10-01, was "
              "interrupted. Cleanup finishes it, and then attaches the partition again.");
}

TEST_F(CheckDetached, FindsAnIntentOnceAsThePendingDetach) {
    orders.add_pending_of_ppm("orders_2026_09", "2026-09-01", "2026-10-01", CleanupPolicy::drop);
    EXPECT_EQ(found(), Lines{"pending_detach orders_2026_09"});
}

}  // namespace
}  // namespace ppm
