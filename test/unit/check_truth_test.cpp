// That what check says is so, and what it advises does no harm.
#include <gtest/gtest.h>

#include <algorithm>

#include "checks.hpp"
#include "core/check/check.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";

// By month, from October 2026 to January 2027.
class CheckTruth : public testing::Test {
  protected:
    CheckTruth() : orders{Interval::monthly} {
        configuration().retention = 1;
        configuration().pre_provisioned = 2;
    }
    Configuration& configuration() { return orders.parent.configuration; }
    std::vector<Anomaly> check_on(const std::string& work_date) const {
        return check(orders, {orders.window_on(work_date), orders.window_on(today)}, answers);
    }
    Lines found() const { return lines_of(check_on(today)); }
    Anomaly found_as(const std::string& line, const std::string& work_date = today) const {
        for (const Anomaly& each : check_on(work_date))
            if (line_of(each) == line)
                return each;
        ADD_FAILURE() << "no " << line;
        return {};
    }
    Orders orders;
    Answers answers;
};

TEST_F(CheckTruth, NeverHintsAtDroppingATableThatGotRows) {
    configuration().cleanup_policy = CleanupPolicy::drop;
    orders.add_slots("2026-10-01", "2027-02-01");
    orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", CleanupPolicy::drop);
    orders.with_rows = {"orders_2027_05"};
    answers.failures = {{"orders_2027_05", {"canceling statement due to lock timeout"}}};
    const Anomaly pending = found_as("pending_detach orders_2027_05");
    EXPECT_NE(pending.detail.find("cleanup attaches it again"), std::string::npos);
    EXPECT_EQ(pending.hint.find("DROP TABLE"), std::string::npos) << pending.hint;
}

TEST_F(CheckTruth, FindsWhatCleanupWouldAttachAgain) {
    orders.add_slots("2026-10-01", "2027-02-01");
    for (const CleanupPolicy recorded : {CleanupPolicy::detach, CleanupPolicy::drop}) {
        orders.parent.detached.clear();
        orders.add_detached("orders_2027_05", "2027-05-01", "2027-06-01", recorded);
        orders.with_rows = {"orders_2027_05"};
        EXPECT_EQ(cleanup_of(orders.plan_on(today)), Lines{"attach orders_2027_05"});
        EXPECT_NE(found(), Lines{});
    }
}

TEST_F(CheckTruth, DoesNotSayThatCleanupLeavesWhatItRemoves) {
    orders.add_slots("2027-02-01", "2027-03-01");  // surplus by today, outdated by the work date
    EXPECT_EQ(cleanup_of(orders.plan_on("2028-01-01", today)),
              Lines{"detach orders_2027_02 if empty"});
    const Anomaly outdated = found_as("outdated_partition orders_2027_02", "2028-01-01");
    EXPECT_EQ(outdated.detail.find("Cleanup leaves it"), std::string::npos) << outdated.detail;
    EXPECT_EQ(outdated.hint, "CALL ppm.cleanup('public.orders');");
}

TEST_F(CheckTruth, DoesNotSayThatAPastPartitionHasNotEnded) {
    configuration().retention = 12;
    orders.add_slots("2026-01-01", "2026-02-01");  // retained today, and over since February
    const Anomaly outdated = found_as("outdated_partition orders_2026_01", "2027-11-22");
    EXPECT_EQ(outdated.detail.find("it has not ended"), std::string::npos) << outdated.detail;
}

TEST_F(CheckTruth, DoesNotSayThatWhatLiesBeforeTheWindowOfTodayIsInIt) {
    configuration().retention = {};
    orders.add_slots("2026-08-01", "2026-09-01");
    const Anomaly surplus = found_as("surplus_partition orders_2026_08", "2026-01-01");
    EXPECT_EQ(surplus.detail.find("in the window of the real date"), std::string::npos)
        << surplus.detail;
}

TEST_F(CheckTruth, DoesNotPromiseToRemoveWhatIsNeverOutdated) {
    orders.add("future", "2026-11-15", "infinity");
    EXPECT_EQ(found_as("off_grid future").hint.find("it is removed when"), std::string::npos);
    configuration().retention = {};
    orders.parent.partitions.clear();
    orders.add("half", "2026-11-01", "2026-11-15");
    EXPECT_EQ(found_as("off_grid half").hint.find("it is removed when"), std::string::npos);
}

TEST_F(CheckTruth, LooksInTheDefaultAlsoForASlotThatSomethingElseKeepsOut) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.add_slots("2026-12-01", "2027-02-01");
    orders.add_default("rest");
    orders.other_relations = {"orders_2026_11"};
    answers.default_rows = {orders.codec.encode(civil(today))};
    const Lines lines = found();
    EXPECT_NE(std::find(lines.begin(), lines.end(), "default_has_rows rest"), lines.end());
}

TEST_F(CheckTruth, TellsPartitionsOfTheSameNameInTwoSchemasApart) {
    orders.add("orders_2026_11", "2026-01-01", "2026-02-01");  // outdated, and in the way
    orders.add_in_archive("orders_2026_11", "2026-10-01", "2026-11-01");
    const std::vector<Anomaly> anomalies = check_on(today);
    EXPECT_TRUE(std::any_of(anomalies.begin(), anomalies.end(), [](const Anomaly& each) {
        return each.code == AnomalyCode::wrong_bounds &&
               each.detail.find("holds 2026-01-01") != std::string::npos;
    }));
}

TEST_F(CheckTruth, FindsTheNameOfASlotOutsideTheWindowAndOnTheDefault) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.add("november", "2026-11-01", "2026-12-01");
    orders.add_slots("2026-12-01", "2027-02-01");
    orders.add_default("orders_2026_11");
    orders.add("orders_2025_01", "2027-05-01", "2027-06-01");
    const Lines lines = found();
    EXPECT_NE(std::find(lines.begin(), lines.end(), "wrong_bounds orders_2026_11"), lines.end());
    EXPECT_NE(std::find(lines.begin(), lines.end(), "wrong_bounds orders_2025_01"), lines.end());
}

TEST_F(CheckTruth, DoesNotHintAtARenameToANameThatIsTaken) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.add("orders_2026_11", "2026-12-01", "2027-01-01");
    orders.add("orders_2026_12", "2026-11-01", "2026-12-01");
    EXPECT_EQ(found_as("wrong_bounds orders_2026_11").hint,
              "When the name is free: ALTER TABLE public.orders_2026_11 RENAME TO "
              "orders_2026_12;");
}

}  // namespace
}  // namespace ppm
