// What a check finds, and what it says about it. That it finds it whatever else there is, is in
// check_property_test.cpp.
#include <gtest/gtest.h>

#include "checks.hpp"
#include "core/check/check.hpp"
#include "key_bounds.hpp"

namespace ppm {
namespace {

constexpr const char* today = "2026-11-22";
constexpr const char* call_provision = "CALL ppm.provision('public.orders');";
constexpr const char* call_cleanup = "CALL ppm.cleanup('public.orders');";

// By month, from October 2026 to January 2027.
class Check : public testing::Test {
  protected:
    explicit Check(KeyType key_type = KeyType::date) : orders{Interval::monthly, key_type} {
        configuration().retention = 1;
        configuration().pre_provisioned = 2;
    }

    Configuration& configuration() { return orders.parent.configuration; }

    std::vector<Anomaly> check_on(const std::string& work_date) const {
        return check(orders, {orders.window_on(work_date), orders.window_on(today)}, answers);
    }
    Lines found(const std::string& work_date = today) const {
        return lines_of(check_on(work_date));
    }
    // The one anomaly with that line.
    Anomaly found_as(const std::string& line, const std::string& work_date = today) const {
        const std::vector<Anomaly> anomalies = check_on(work_date);
        const auto is_it = [&](const Anomaly& each) { return line_of(each) == line; };
        EXPECT_EQ(std::count_if(anomalies.begin(), anomalies.end(), is_it), 1) << line;
        const auto it = std::find_if(anomalies.begin(), anomalies.end(), is_it);
        return it == anomalies.end() ? Anomaly{} : *it;
    }

    void fill_window() { orders.add_slots("2026-10-01", "2027-02-01"); }
    // All of it but November.
    void fill_window_around_november() {
        orders.add_slots("2026-10-01", "2026-11-01");
        orders.add_slots("2026-12-01", "2027-02-01");
    }

    Orders orders;
    Answers answers;
};

TEST_F(Check, FindsNothingWrongWithAFullWindow) {
    fill_window();
    EXPECT_EQ(found(), Lines{});
}

TEST_F(Check, FindsTheWholeWindowMissingWhereNothingIs) {
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_10", "missing_partition orders_2026_11",
                     "missing_partition orders_2026_12", "missing_partition orders_2027_01"}));
}

TEST_F(Check, SaysWhatIsMissing) {
    fill_window_around_november();
    const Anomaly missing = found_as("missing_partition orders_2026_11");
    EXPECT_EQ(missing.detail,
              "No partition of table \"public.orders\" covers 2026-11-01 to 2026-12-01.");
    EXPECT_EQ(missing.hint, call_provision);
}

TEST_F(Check, SaysWhyWhatIsMissingCouldNotBeCreated) {
    fill_window_around_november();
    answers.failures = {{"orders_2026_11", {"type \"t\" does not exist"}}};
    const Anomaly missing = found_as("missing_partition orders_2026_11");
    EXPECT_EQ(missing.detail,
              "No partition of table \"public.orders\" covers 2026-11-01 to 2026-12-01. The last "
              "attempt failed: type \"t\" does not exist.");
    EXPECT_EQ(missing.hint, "When that is fixed: " + std::string{call_provision});
}

TEST_F(Check, FindsThatNewPartitionsWouldGetNoPrimaryKey) {
    fill_window();
    orders.parent.lacks_primary_key = true;
    EXPECT_EQ(found(), Lines{"missing_index"});
    EXPECT_EQ(severity_of(found_as("missing_index")), Severity::error);
}

TEST_F(Check, TakesAMissingIndexForAnErrorOnlyIfItIsThePrimaryKey) {
    fill_window();
    orders.parent.partitions.front().differences = {
        {AnomalyCode::missing_index, "primary", "public.orders_pkey", false},
        {AnomalyCode::missing_index, "", "public.orders_idx", true}};
    std::vector<Severity> severities;
    for (const Anomaly& each : check_on(today))
        severities.push_back(severity_of(each));
    EXPECT_EQ(severities, (std::vector{Severity::error, Severity::warning}));
}

TEST_F(Check, FindsAPieceOfASlotMissing) {
    fill_window_around_november();
    orders.add("november", "2026-11-01", "2026-11-22");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_20261122_20261201", "off_grid november"}));
}

TEST_F(Check, FindsWhatIsMissingAndWhatStandsInItsWay) {
    fill_window_around_november();
    orders.add_pending("november", "2026-11-01", "2026-12-01");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_2026_11", "pending_detach november"}));
    EXPECT_EQ(found_as("missing_partition orders_2026_11").hint,
              "Fix what stands in its way (pending_detach), then " + std::string{call_provision});
}

TEST_F(Check, FindsThatTheNameOfWhatIsMissingIsTaken) {
    fill_window_around_november();
    orders.other_relations = {"orders_2026_11"};
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_11_2", "name_taken orders_2026_11_2"}));
    EXPECT_EQ(found_as("missing_partition orders_2026_11_2").hint, call_provision);
}

TEST_F(Check, FindsAPartitionWhoseNameIsTaken) {
    fill_window_around_november();
    orders.add("orders_2026_11_2", "2026-11-01", "2026-12-01");
    orders.other_relations = {"orders_2026_11"};
    EXPECT_EQ(found(), Lines{"name_taken orders_2026_11_2"});
    const Anomaly taken = found_as("name_taken orders_2026_11_2");
    EXPECT_EQ(severity_of(taken), Severity::warning);
    EXPECT_EQ(taken.hint,
              "When the name is free: ALTER TABLE public.orders_2026_11_2 RENAME TO "
              "orders_2026_11;");
    orders.other_relations.clear();
    EXPECT_EQ(found(), Lines{"misnamed orders_2026_11_2"});
}

TEST_F(Check, FindsANameTooLongInTheWayOfAPiece) {
    const std::string table(46, 'o');
    configuration().table_name = table;
    fill_window_around_november();
    orders.add("november", "2026-11-01", "2026-11-22");
    const std::string piece = table + "_20261122_20261201";
    EXPECT_EQ(found(),
              (Lines{"missing_partition " + piece, "name_too_long " + piece, "off_grid november"}));
}

TEST_F(Check, ListsWhatIsMissingInOrderWhetherSomethingStandsInItsWayOrNot) {
    orders.add_pending("halves", "2026-10-15", "2026-11-01");
    orders.add_pending("rest", "2026-12-15", "2027-01-01");
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_10", "missing_partition orders_2026_11",
                     "missing_partition orders_2026_12", "missing_partition orders_2027_01",
                     "pending_detach halves", "pending_detach rest"}));
}

TEST_F(Check, DoublesTheQuotesOfNamesInItsHints) {
    configuration().schema_name = "it's";
    configuration().table_name = "The \"Orders\"";
    EXPECT_EQ(check_on(today).front().hint,
              "CALL ppm.provision('\"it''s\".\"The \"\"Orders\"\"\"');");

    orders.add("no end", "2027-02-01", "infinity");
    EXPECT_EQ(found_as("surplus_partition no end").hint,
              "If it is not wanted: ALTER TABLE \"it's\".\"The \"\"Orders\"\"\" DETACH PARTITION "
              "public.\"no end\";");
}

using CheckPending = Check;

TEST_F(CheckPending, FindsADetachThatIsPendingBesideTheWindow) {
    fill_window();
    orders.add_pending("orders_2026_09", "2026-09-01", "2026-10-01");
    EXPECT_EQ(found(), Lines{"pending_detach orders_2026_09"});
    const Anomaly pending = found_as("pending_detach orders_2026_09");
    EXPECT_EQ(pending.detail,
              "Detaching partition \"orders_2026_09\", of 2026-09-01 to 2026-10-01, was "
              "interrupted.");
    EXPECT_EQ(pending.hint, call_cleanup);
}

TEST_F(CheckPending, FindsADetachOnceThoughItStandsInTheWayOfTwoSlots) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.add_pending("halves", "2026-11-15", "2026-12-15");
    orders.add_slots("2027-01-01", "2027-02-01");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_2026_11",
                              "missing_partition orders_2026_12", "pending_detach halves"}));
}

TEST_F(CheckPending, SaysWhyTheLastAttemptFailed) {
    orders.add_pending("past", "2026-09-01", "2026-10-01");
    answers.failures = {{"past", {"canceling statement due to lock timeout"}}};
    EXPECT_EQ(found_as("pending_detach past").detail,
              "Detaching partition \"past\", of 2026-09-01 to 2026-10-01, was interrupted. "
              "The last attempt failed: canceling statement due to lock timeout.");
}

using CheckOutdated = Check;

TEST_F(CheckOutdated, FindsWhatCleanupWouldRemove) {
    orders.add_slots("2026-08-01", "2027-02-01");
    EXPECT_EQ(found(),
              (Lines{"outdated_partition orders_2026_08", "outdated_partition orders_2026_09"}));
    const Anomaly outdated = found_as("outdated_partition orders_2026_09");
    EXPECT_EQ(outdated.detail,
              "Partition \"orders_2026_09\", of 2026-09-01 to 2026-10-01, ended before the window, "
              "which begins on 2026-10-01.");
    EXPECT_EQ(outdated.hint, call_cleanup);
}

TEST_F(CheckOutdated, SaysWhyTheLastAttemptFailed) {
    orders.add_slots("2026-09-01", "2026-10-01");
    answers.failures = {{"orders_2026_09", {"deadlock detected"}}};
    EXPECT_EQ(found_as("outdated_partition orders_2026_09").detail,
              "Partition \"orders_2026_09\", of 2026-09-01 to 2026-10-01, ended before the window, "
              "which begins on 2026-10-01. The last attempt failed: deadlock detected.");
}

TEST_F(CheckOutdated, FindsNothingWithoutRetention) {
    configuration().retention = {};
    orders.add("past", "-infinity", "2026-09-01");
    orders.add_slots("2026-09-01", "2027-02-01");
    EXPECT_EQ(found(), Lines{});
}

TEST_F(CheckOutdated, FindsWhatBeginsWithMinvalue) {
    orders.add("past", "-infinity", "2026-10-01");
    fill_window();
    EXPECT_EQ(found(), Lines{"outdated_partition past"});
}

TEST_F(CheckOutdated, SaysThatOnlyTheWorkDateCallsItOutdated) {
    orders.add_slots("2026-10-01", "2027-06-01");
    answers.failures = {{"orders_2026_11", {"deadlock detected"}}};
    const Anomaly outdated = found_as("outdated_partition orders_2026_11", "2027-03-15");
    EXPECT_EQ(
        outdated.detail,
        "Partition \"orders_2026_11\", of 2026-11-01 to 2026-12-01, ended before the window, "
        "which begins on 2027-02-01. Cleanup leaves it: by the real date it is not outdated.");
    EXPECT_EQ(outdated.hint, "RESET ppm.work_date;");
}

class CheckSurplus : public Check {
  protected:
    CheckSurplus() { fill_window(); }

    static std::string may_detail(const std::string& why) {
        return "Partition \"orders_2027_05\", of 2027-05-01 to 2027-06-01, begins after the "
               "window, which ends on 2027-02-01." +
               why;
    }
};

TEST_F(CheckSurplus, FindsWhatCleanupWouldRemove) {
    orders.add_slots("2027-02-01", "2027-06-01");
    EXPECT_EQ(found(),
              (Lines{"surplus_partition orders_2027_02", "surplus_partition orders_2027_03",
                     "surplus_partition orders_2027_04", "surplus_partition orders_2027_05"}));
    const Anomaly surplus = found_as("surplus_partition orders_2027_05");
    EXPECT_EQ(surplus.detail, may_detail(""));
    EXPECT_EQ(surplus.hint, call_cleanup);
}

TEST_F(CheckSurplus, SaysWhyTheLastAttemptFailed) {
    orders.add_slots("2027-05-01", "2027-06-01");
    answers.failures = {{"orders_2027_05", {"deadlock detected"}}};
    EXPECT_EQ(found_as("surplus_partition orders_2027_05").detail,
              may_detail(" The last attempt failed: deadlock detected."));
}

TEST_F(CheckSurplus, SaysThatCleanupLeavesRows) {
    orders.add_slots("2027-05-01", "2027-06-01");
    orders.with_rows = {"orders_2027_05"};
    const Anomaly surplus = found_as("surplus_partition orders_2027_05");
    EXPECT_EQ(
        surplus.detail,
        may_detail(" Cleanup leaves it: it has rows, or is locked, or is not a plain table."));
    EXPECT_EQ(surplus.hint, "Remove the rows, or raise pre_provisioned in ppm.config.");
}

TEST_F(CheckSurplus, SaysThatCleanupLeavesWhatHasNoEnd) {
    orders.add("future", "2027-02-01", "infinity");
    EXPECT_EQ(found(), Lines{"surplus_partition future"});
    const Anomaly surplus = found_as("surplus_partition future");
    EXPECT_EQ(surplus.detail,
              "Partition \"future\", of 2027-02-01 to infinity, begins after the window, which "
              "ends on 2027-02-01. Cleanup leaves it: it has no end.");
    EXPECT_EQ(surplus.hint,
              "If it is not wanted: ALTER TABLE public.orders DETACH PARTITION public.future;");
}

TEST_F(CheckSurplus, SaysThatOnlyTheWorkDateCallsItSurplus) {
    const Anomaly surplus = found_as("surplus_partition orders_2026_12", "2026-07-01");
    EXPECT_EQ(surplus.detail,
              "Partition \"orders_2026_12\", of 2026-12-01 to 2027-01-01, begins after the window, "
              "which ends on 2026-10-01. Cleanup leaves it: by the real date it is not surplus.");
    EXPECT_EQ(surplus.hint, "RESET ppm.work_date;");
}

using CheckBounds = Check;

TEST_F(CheckBounds, FindsWhatIsNotOneSlot) {
    fill_window_around_november();
    orders.add("first_half", "2026-11-01", "2026-11-16");
    orders.add("second_half", "2026-11-16", "2026-12-01");
    EXPECT_EQ(found(), (Lines{"off_grid first_half", "off_grid second_half"}));
    const Anomaly half = found_as("off_grid second_half");
    EXPECT_EQ(half.detail,
              "Partition \"second_half\" holds 2026-11-16 to 2026-12-01, which is not one monthly "
              "slot.");
    EXPECT_EQ(half.hint,
              "CALL ppm.repartition('public.orders'); spreads its rows over partitions of one slot "
              "each. Or do nothing: it is removed when all of it is outdated.");
}

TEST_F(CheckBounds, FindsMinvalueAndMaxvalueThatReachIntoTheWindowOffGrid) {
    orders.add("past", "-infinity", "2026-11-01");
    orders.add("future", "2026-11-01", "infinity");
    EXPECT_EQ(found(), (Lines{"off_grid past", "off_grid future"}));
}

TEST_F(CheckBounds, FindsTheNameOfAnotherSlot) {
    fill_window_around_november();
    orders.add("orders_2020_01", "2026-11-01", "2026-12-01");
    EXPECT_EQ(found(), Lines{"wrong_bounds orders_2020_01"});
    const Anomaly wrong = found_as("wrong_bounds orders_2020_01");
    EXPECT_EQ(wrong.detail,
              "Partition \"orders_2020_01\" has the name of 2020-01-01 to 2020-02-01 but holds "
              "2026-11-01 to 2026-12-01.");
    EXPECT_EQ(wrong.hint, "ALTER TABLE public.orders_2020_01 RENAME TO orders_2026_11;");
}

TEST_F(CheckBounds, AcceptsTheNameOfASlotOnAnyPartitionThatBeginsThere) {
    fill_window_around_november();
    orders.add("orders_2026_11", "2026-11-01", "2026-11-16");
    orders.add("rest", "2026-11-16", "2026-12-01");
    EXPECT_EQ(found(), (Lines{"off_grid orders_2026_11", "off_grid rest"}));
}

TEST_F(CheckBounds, FindsTheNameOfASlotOnAPieceThatBeginsElsewhere) {
    fill_window_around_november();
    orders.add("start", "2026-11-01", "2026-11-16");
    orders.add("orders_2026_11", "2026-11-16", "2026-12-01");
    EXPECT_EQ(found(), (Lines{"off_grid start", "wrong_bounds orders_2026_11"}));
    EXPECT_EQ(found_as("wrong_bounds orders_2026_11").hint,
              "ALTER TABLE public.orders_2026_11 RENAME TO orders_20261116_20261201;");
}

TEST_F(CheckBounds, HasNoNameForWhatHasNoStart) {
    orders.add("orders_2026_11", "-infinity", "2026-11-16");
    EXPECT_EQ(found_as("wrong_bounds orders_2026_11").hint, "Rename it to what it holds.");
}

TEST_F(CheckBounds, HasNoNameForWhatWouldBeTooLong) {
    configuration().table_name = std::string(46, 'o');
    const std::string name = configuration().table_name + "_2026_11";
    orders.add(name, "2026-11-02", "2026-11-16");
    EXPECT_EQ(found_as("wrong_bounds " + name).hint, "Rename it to what it holds.");
}

TEST_F(CheckBounds, FindsTheNameOfASlotOnceThoughItStandsInTheWay) {
    orders.add("orders_2026_11", "2026-10-01", "2026-11-01");
    orders.add_slots("2026-12-01", "2027-02-01");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_2026_11_2", "name_taken orders_2026_11_2",
                              "wrong_bounds orders_2026_11"}));
}

TEST_F(CheckBounds, FindsTheNameOfASlotOnTheDefaultPartitionInTheWay) {
    fill_window_around_november();
    orders.add_default("orders_2026_11");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_2026_11_2", "name_taken orders_2026_11_2",
                              "wrong_bounds orders_2026_11"}));
}

TEST_F(CheckBounds, IsMildWhereBothEdgesAreMovedByLessThan26Hours) {
    const auto is_mild = [&](const char* lower, const char* upper) {
        Orders moved{Interval::monthly, KeyType::timestamp};
        moved.add("orders_2026_11", lower, upper);
        for (const Anomaly& each : ppm::check(moved, moved.plan_windows("2026-11-22")))
            if (each.code == AnomalyCode::wrong_bounds)
                return severity_of(each) == Severity::warning;
        throw std::logic_error{"no wrong_bounds"};
    };
    EXPECT_TRUE(is_mild("2026-10-31 19:00", "2026-11-30 19:00"));
    EXPECT_TRUE(is_mild("2026-10-31 20:00", "2026-11-30 19:00"));  // the clocks were changed
    EXPECT_TRUE(is_mild("2026-11-02 01:59", "2026-12-02 01:59"));
    EXPECT_FALSE(is_mild("2026-11-02 02:00", "2026-12-02 02:00"));
    EXPECT_FALSE(is_mild("2026-10-31 19:00", "2026-12-01"));
    EXPECT_FALSE(is_mild("2026-10-31 19:00", "infinity"));
    EXPECT_FALSE(is_mild("2026-10-01", "2026-11-01"));
}

TEST_F(CheckBounds, FindsASlotUnderTheNameThatPgPartmanGivesIt) {
    fill_window_around_november();
    orders.add("orders_p20261101", "2026-11-01", "2026-12-01");
    EXPECT_EQ(found(), Lines{"misnamed orders_p20261101"});
    const Anomaly misnamed = found_as("misnamed orders_p20261101");
    EXPECT_EQ(misnamed.detail,
              "Partition \"orders_p20261101\" holds 2026-11-01 to 2026-12-01, whose name is "
              "\"orders_2026_11\".");
    EXPECT_EQ(misnamed.hint, "ALTER TABLE public.orders_p20261101 RENAME TO orders_2026_11;");
}

TEST_F(CheckBounds, DoublesTheQuotesOfThePartition) {
    configuration().table_name = "Orders";
    orders.add_in_archive("say \"cheese\"", "2026-11-01", "2026-12-01");
    EXPECT_EQ(found_as("misnamed say \"cheese\"").hint,
              "ALTER TABLE archive.\"say \"\"cheese\"\"\" RENAME TO \"Orders_2026_11\";");
}

TEST_F(CheckBounds, FindsAnAdoptedNameBeforeTheWindowWithoutRetention) {
    configuration().retention = {};
    orders.add("orders_p20261001", "2026-10-01", "2026-11-01");
    orders.add_slots("2026-11-01", "2027-02-01");
    EXPECT_EQ(found(), Lines{"misnamed orders_p20261001"});
}

class CheckUuid : public Check {
  protected:
    CheckUuid() : Check{KeyType::uuid} {}

    void add_bare(const std::string& name, const std::string& lower, const std::string& upper) {
        orders.add(orders.partition(name, {bare(lower), bare(upper)}));
    }
};

TEST_F(CheckUuid, FindsNothingWrongWithBareBounds) {
    orders.add_slots("2026-10-01", "2026-11-01");
    orders.parent.partitions.back().bounds.upper = bare("2026-11-01");
    add_bare("orders_2026_11", "2026-11-01", "2026-12-01");
    orders.add_slots("2026-12-01", "2027-02-01");
    EXPECT_EQ(found(), Lines{});
}

TEST_F(CheckUuid, FindsNoGapBetweenABareBoundAndItsOwn) {
    configuration().retention = {};
    add_bare("orders_2026_08", "2026-08-01", "2026-09-01");
    orders.add_slots("2026-09-01", "2027-02-01");
    EXPECT_EQ(found(), Lines{});
}

TEST(CheckTimezone, FindsTheDaysOfAnotherTimezoneUnderTheNamesOfItsOwn) {
    const TestZone berlin{std::chrono::hours{1}};  // in winter
    Orders orders{Interval::daily, KeyType::timestamptz};
    orders.add_slots("2026-11-22", "2026-11-24");
    orders.codec = KeyCodec{KeyType::timestamptz, berlin};
    const Window window{Interval::daily, civil("2026-11-22"), civil("2026-11-24"), false};

    const std::vector<Anomaly> anomalies = check(orders, {window, window});
    EXPECT_EQ(lines_of(anomalies),
              (Lines{"missing_partition orders_20261122_202611220100",
                     "wrong_bounds orders_2026_11_22", "wrong_bounds orders_2026_11_23"}));
    EXPECT_EQ(anomalies[1].detail,
              "Partition \"orders_2026_11_22\" has the name of 2026-11-22 to 2026-11-23 but "
              "holds 2026-11-22 01:00:00 to 2026-11-23 01:00:00.");
}

using CheckGaps = Check;

TEST_F(CheckGaps, FindsAHoleBesideTheWindowOnEitherSide) {
    orders.add("past", "2026-01-01", "2026-03-01");
    orders.add("spring", "2026-04-01", "2026-10-01");
    fill_window();
    orders.add("future", "2027-03-01", "2027-04-01");
    EXPECT_EQ(found(), (Lines{"outdated_partition past", "outdated_partition spring",
                              "surplus_partition future", "gap", "gap"}));
    const std::vector<Anomaly> anomalies = check_on(today);
    EXPECT_EQ(anomalies[3].detail,
              "No partition of table \"public.orders\" covers 2026-03-01 to 2026-04-01, outside "
              "the window.");
    EXPECT_EQ(
        anomalies[3].hint,
        "If rows of that time are to come, create a partition for them; otherwise nothing has to "
        "be done.");
    EXPECT_EQ(anomalies[4].detail,
              "No partition of table \"public.orders\" covers 2027-02-01 to 2027-03-01, outside "
              "the window.");
}

TEST_F(CheckGaps, CutsAHoleAtTheWindow) {
    orders.add("past", "2026-01-01", "2026-09-01");
    orders.add_slots("2026-11-01", "2027-02-01");
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_10", "outdated_partition past", "gap"}));
    EXPECT_EQ(found_as("gap").detail,
              "No partition of table \"public.orders\" covers 2026-09-01 to 2026-10-01, outside "
              "the window.");
}

TEST_F(CheckGaps, FindsNoneInsideTheWindow) {
    fill_window_around_november();
    EXPECT_EQ(found(), Lines{"missing_partition orders_2026_11"});
}

TEST_F(CheckGaps, FindsNoneBeforeTheFirstPartitionOrAfterTheLast) {
    orders.add_slots("2026-11-01", "2026-12-01");
    EXPECT_EQ(found(),
              (Lines{"missing_partition orders_2026_10", "missing_partition orders_2026_12",
                     "missing_partition orders_2027_01"}));
}

TEST_F(CheckGaps, FindsNoneWhereADetachIsPending) {
    configuration().retention = {};
    orders.add_slots("2026-08-01", "2026-09-01");
    orders.add_pending("orders_2026_09", "2026-09-01", "2026-10-01");
    fill_window();
    EXPECT_EQ(found(), Lines{"pending_detach orders_2026_09"});
}

class CheckDefault : public Check {
  protected:
    CheckDefault() { orders.add_default("rest"); }

    void add_row_of(const std::string& day) {
        answers.default_rows.push_back(orders.codec.encode(civil(day)));
    }
};

TEST_F(CheckDefault, FindsTheRowsThatKeepASlotOut) {
    fill_window_around_november();
    add_row_of("2026-11-22");
    EXPECT_EQ(found(), (Lines{"missing_partition orders_2026_11", "default_has_rows rest"}));
    const Anomaly rows = found_as("default_has_rows rest");
    EXPECT_EQ(rows.detail,
              "Default partition \"rest\" has rows of 2026-11-01 to 2026-12-01, which keep "
              "partition \"orders_2026_11\" out.");
    EXPECT_NE(rows.hint.find("CALL ppm.provision('public.orders')"), std::string::npos)
        << rows.hint;
}

TEST_F(CheckDefault, SaysHowToMoveRowsThatForeignKeysReferTo) {
    fill_window_around_november();
    add_row_of("2026-11-22");
    answers.is_referred_to = true;
    EXPECT_EQ(found_as("default_has_rows rest").hint,
              "Drop the foreign keys that refer to the table. CALL "
              "ppm.repartition('public.orders'); then CALL ppm.provision('public.orders'); Then "
              "add the foreign keys again.");
}

TEST_F(CheckDefault, FindsTheRowsOfEachSlotWithOneQuestion) {
    add_row_of("2026-11-30");
    add_row_of("2026-10-01");
    const std::vector<Anomaly> anomalies = check_on(today);
    EXPECT_EQ(answers.asked_of_default.size(), 1U);
    ASSERT_EQ(anomalies.size(), 6U);
    EXPECT_EQ(anomalies[4].detail,
              "Default partition \"rest\" has rows of 2026-10-01 to 2026-11-01, which keep "
              "partition \"orders_2026_10\" out.");
    EXPECT_EQ(anomalies[5].detail,
              "Default partition \"rest\" has rows of 2026-11-01 to 2026-12-01, which keep "
              "partition \"orders_2026_11\" out.");
}

TEST_F(CheckDefault, HasNothingAgainstOtherRows) {
    fill_window_around_november();
    add_row_of("2026-09-30");
    add_row_of("2026-12-01");
    EXPECT_EQ(found(), Lines{"missing_partition orders_2026_11"});
}

TEST_F(CheckDefault, AsksForNoRowsWhereNothingIsMissing) {
    fill_window();
    EXPECT_EQ(found(), Lines{});
    EXPECT_TRUE(answers.asked_of_default.empty());
}

}  // namespace
}  // namespace ppm
