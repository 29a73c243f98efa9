#include "core/plan/parent.hpp"

#include <gtest/gtest.h>

#include "orders.hpp"

namespace ppm {
namespace {

// What validate() finds wrong with public.orders, monthly by the date "day", after `change`.
template <typename Change>
std::vector<Anomaly> anomalies_after(Change change) {
    Parent parent = orders_parent(Interval::monthly, KeyType::date);
    change(parent);
    return validate(parent);
}

template <typename Change>
Lines codes_after(Change change) {
    Lines codes;
    for (const Anomaly& anomaly : anomalies_after(change))
        codes.emplace_back(name_of(anomaly.code));
    return codes;
}

void lose_table(Parent& parent) {
    parent.table.reset();
}

void be_a_plain_table(Parent& parent) {
    parent.table->strategy = Strategy::none;
}

void distribute(Parent& parent) {
    parent.table->unsupported = {"It is a shard.", "Leave it."};
}

void partition_by_list(Parent& parent) {
    parent.table->strategy = Strategy::other;
}

void partition_by_an_expression(Parent& parent) {
    parent.table->has_plain_key = false;
    parent.table->key_column = "";
}

void partition_by_a_number(Parent& parent) {
    parent.table->key_type.reset();
    parent.table->key_type_name = "bigint";
}

void partition_in_another_order(Parent& parent) {
    parent.table->has_default_order = false;
}

void configure_another_key(Parent& parent) {
    parent.configuration.partition_key = "created_at";
}

void configure_an_unknown_timezone(Parent& parent) {
    parent.configuration.timezone = "Mars/Olympus";
    parent.timezone_known = false;
}

void get_a_long_name(Parent& parent) {
    parent.configuration.table_name = std::string(63, 'o');
}

TEST(Validate, FindsNothingWrongWithAnOrdinaryParent) {
    EXPECT_EQ(codes_after([](Parent&) {}), Lines{});
}

TEST(Validate, AcceptsTheConfiguredKeyIfItIsTheTables) {
    EXPECT_EQ(codes_after([](Parent& parent) { parent.configuration.partition_key = "day"; }),
              Lines{});
}

TEST(Validate, FindsEachAnomaly) {
    EXPECT_EQ(codes_after(lose_table), Lines{"table_missing"});
    EXPECT_EQ(codes_after(be_a_plain_table), Lines{"not_partitioned"});
    EXPECT_EQ(codes_after(distribute), Lines{"unsupported_table"});
    EXPECT_EQ(codes_after(partition_by_list), Lines{"unsupported_strategy"});
    EXPECT_EQ(codes_after(partition_by_an_expression), Lines{"unsupported_key"});
    EXPECT_EQ(codes_after(partition_by_a_number), Lines{"unsupported_key_type"});
    EXPECT_EQ(codes_after(partition_in_another_order), Lines{"unsupported_key"});
    EXPECT_EQ(codes_after(configure_another_key), Lines{"partition_key_mismatch"});
    EXPECT_EQ(codes_after(configure_an_unknown_timezone), Lines{"unknown_timezone"});
    EXPECT_EQ(codes_after(get_a_long_name), Lines{"name_too_long"});
}

TEST(Validate, ReportsOnlyTheFirstThingWrongWithTheKey) {
    using Change = void (*)(Parent&);
    const std::pair<Change, const char*> first_to_last[] = {
        {be_a_plain_table, "not_partitioned"},
        {distribute, "unsupported_table"},
        {partition_by_an_expression, "unsupported_key"},
        {partition_by_a_number, "unsupported_key_type"},
        {partition_in_another_order, "unsupported_key"},
        {configure_another_key, "partition_key_mismatch"},
    };
    for (auto first = std::begin(first_to_last); first != std::end(first_to_last); ++first)
        EXPECT_EQ(codes_after([&](Parent& parent) {
                      for (auto each = first; each != std::end(first_to_last); ++each)
                          each->first(parent);
                  }),
                  Lines{first->second});
    EXPECT_EQ(codes_after([](Parent& parent) {
                  partition_by_list(parent);
                  partition_by_an_expression(parent);
              }),
              Lines{"unsupported_strategy"});
}

TEST(Validate, ReportsWhatIsWrongWithTableZoneAndNameTogether) {
    EXPECT_EQ(codes_after([](Parent& parent) {
                  lose_table(parent);
                  configure_an_unknown_timezone(parent);
                  get_a_long_name(parent);
              }),
              (Lines{"table_missing", "unknown_timezone", "name_too_long"}));
    EXPECT_EQ(codes_after([](Parent& parent) {
                  configure_another_key(parent);
                  configure_an_unknown_timezone(parent);
                  get_a_long_name(parent);
              }),
              (Lines{"partition_key_mismatch", "unknown_timezone", "name_too_long"}));
}

TEST(Validate, NamesTheTableOrTheZoneAndSaysWhatToDo) {
    for (const auto change :
         {lose_table, be_a_plain_table, partition_by_list, partition_by_an_expression,
          partition_by_a_number, partition_in_another_order, configure_another_key}) {
        const auto anomalies = anomalies_after(change);
        ASSERT_EQ(anomalies.size(), 1U);
        EXPECT_NE(anomalies[0].detail.find("\"public.orders\""), std::string::npos)
            << anomalies[0].detail;
        EXPECT_FALSE(anomalies[0].hint.empty());
        EXPECT_TRUE(anomalies[0].partition.empty());
    }
    EXPECT_EQ(anomalies_after(configure_an_unknown_timezone).at(0).detail,
              "The server does not know the time zone \"Mars/Olympus\".");
}

TEST(Validate, NamesBothKeysWhereTheyDiffer) {
    EXPECT_EQ(anomalies_after(configure_another_key).at(0).detail,
              "Table \"public.orders\" is partitioned by \"day\", not by the configured "
              "\"created_at\".");
}

// As it is after `orders`, OID 7, was renamed to that, or dropped.
template <typename Change>
Anomaly anomaly_without_the_configured_one(std::optional<TableName> present_name, Change change) {
    const auto anomalies = anomalies_after([&](Parent& parent) {
        parent.configured = ConfiguredRelation{7, "bob", "2026-11-22 10:00:00 UTC", present_name};
        change(parent);
    });
    EXPECT_EQ(anomalies.size(), 1U);
    return anomalies.at(0);
}

TEST(Validate, AcceptsTheTableThatTheRowWasWrittenFor) {
    EXPECT_EQ(
        codes_after([](Parent& parent) {
            parent.configured = ConfiguredRelation{parent.table->relation, "bob", "", TableName{}};
        }),
        Lines{});
}

TEST(Validate, ReportsATableThatTheRowWasNotWrittenForWhateverItIs) {
    for (const auto change :
         {be_a_plain_table, partition_by_list, partition_by_an_expression, configure_another_key}) {
        const Anomaly anomaly = anomaly_without_the_configured_one(std::nullopt, change);
        EXPECT_EQ(name_of(anomaly.code), "table_replaced");
        EXPECT_EQ(severity_of(anomaly.code), Severity::error);
    }
}

TEST(Validate, SaysWhatWasConfiguredByWhomAndHowToSayWhichIsMeant) {
    const Anomaly dropped = anomaly_without_the_configured_one(std::nullopt, [](Parent&) {});
    EXPECT_EQ(dropped.detail,
              "Table \"public.orders\" has OID 1, but its row in ppm.config was written for OID 7, "
              "by \"bob\" at 2026-11-22 10:00:00 UTC. That relation was dropped.");
    EXPECT_EQ(dropped.hint,
              "If this table is to be managed: UPDATE ppm.config SET table_name = table_name "
              "WHERE schema_name = 'public' AND table_name = 'orders'; "
              "If not, delete the row from ppm.config.");
    const Anomaly renamed =
        anomaly_without_the_configured_one(TableName{"o'r", "old"}, [](Parent&) {});
    EXPECT_NE(renamed.detail.find("That relation is named \"o'r.old\" now."), std::string::npos)
        << renamed.detail;
    EXPECT_NE(renamed.hint.find("If the other one: UPDATE ppm.config SET schema_name = 'o''r', "
                                "table_name = 'old' WHERE schema_name = 'public' AND table_name = "
                                "'orders';"),
              std::string::npos)
        << renamed.hint;
}

TEST(Validate, SaysWhereAMissingTableWent) {
    const Anomaly renamed = anomaly_without_the_configured_one(TableName{"s", "old"}, lose_table);
    EXPECT_EQ(name_of(renamed.code), "table_missing");
    EXPECT_NE(renamed.detail.find("it was renamed to \"s.old\""), std::string::npos);
    EXPECT_NE(renamed.hint.find("SET schema_name = 's', table_name = 'old' WHERE"),
              std::string::npos);
    const Anomaly dropped = anomaly_without_the_configured_one(std::nullopt, lose_table);
    EXPECT_EQ(dropped.detail, "Table \"public.orders\" does not exist.");
}

// `schema.table`, or a name in quotes, as it is written everywhere else.
TEST(Validate, SaysHowANameIsWritten) {
    const auto hint_at = [](const char* name) {
        return anomaly_without_the_configured_one(std::nullopt,
                                                  [=](Parent& parent) {
                                                      lose_table(parent);
                                                      parent.configuration.table_name = name;
                                                  })
            .hint;
    };
    for (const char* name : {"app.Orders", "\"app\".\"Orders\"", "app.\"Orders\""})
        EXPECT_NE(hint_at(name).find("SET schema_name = 'app', table_name = 'Orders' WHERE"),
                  std::string::npos)
            << hint_at(name);
    EXPECT_NE(hint_at("\"Orders\"").find("SET schema_name = 'public', table_name = 'Orders' WHERE"),
              std::string::npos);
    EXPECT_EQ(hint_at("orders"), "Create the table, or delete its row from ppm.config.");
}

TEST(Validate, FindsAnIntervalThatSplitsTheDaysOfADate) {
    for (const Interval& interval : all_intervals) {
        const auto set_interval = [&](Parent& parent) { parent.configuration.interval = interval; };
        EXPECT_EQ(codes_after(set_interval),
                  has_part_of_day(interval) ? Lines{"interval_mismatch"} : Lines{})
            << label_of(interval);
        EXPECT_EQ(codes_after([&](Parent& parent) {
                      set_interval(parent);
                      parent.table->key_type = KeyType::timestamp;
                  }),
                  Lines{})
            << label_of(interval);
    }
}

TEST(Validate, FindsAnIntervalThatIsANumberWhateverTheKeyIs) {
    for (const KeyType type :
         {KeyType::date, KeyType::timestamp, KeyType::timestamptz, KeyType::uuid}) {
        const auto anomalies = anomalies_after([&](Parent& parent) {
            parent.configuration.interval = Numbers{1000000, 7};
            parent.table->key_type = type;
        });
        ASSERT_EQ(anomalies.size(), 1U);
        EXPECT_EQ(name_of(anomalies[0].code), "interval_mismatch");
        EXPECT_EQ(severity_of(anomalies[0].code), Severity::error);
        EXPECT_NE(anomalies[0].detail.find("\"1000000 from 7\""), std::string::npos)
            << anomalies[0].detail;
        EXPECT_NE(anomalies[0].hint.find("weekly"), std::string::npos) << anomalies[0].hint;
    }
}

struct LongestTable {
    Interval interval;
    std::size_t bytes;  // leave room for the name of a partition in 63 bytes
};

class LongestTableName : public testing::TestWithParam<LongestTable> {
  protected:
    static Lines codes_for(const std::string& table_name) {
        return codes_after([&](Parent& parent) {
            parent.configuration.interval = GetParam().interval;
            parent.configuration.table_name = table_name;
        });
    }
};

INSTANTIATE_TEST_SUITE_P(
    , LongestTableName,
    testing::Values(LongestTable{Interval::daily, 52}, LongestTable{Interval::weekly, 54},
                    LongestTable{Interval::monthly, 55}, LongestTable{Interval::quarterly, 55},
                    LongestTable{Interval::yearly, 58}, LongestTable{days(10), 52},
                    LongestTable{from("2024-01-07", Interval::weekly), 52},
                    LongestTable{from("2024-04-01", Interval::yearly), 55}),
    [](const auto& test) { return label_of(test.param.interval); });

TEST_P(LongestTableName, LeavesRoomForTheNamesOfItsPartitions) {
    EXPECT_EQ(codes_for(std::string(GetParam().bytes, 'o')), Lines{});
    EXPECT_EQ(codes_for(std::string(GetParam().bytes + 1, 'o')), Lines{"name_too_long"});
}

TEST_P(LongestTableName, IsCountedInBytesNotInCharacters) {
    // Three bytes each.
    std::string name;
    while (name.size() + 3 <= GetParam().bytes)
        name += "注";
    EXPECT_EQ(codes_for(name), Lines{});
    EXPECT_EQ(codes_for(name + "注"), Lines{"name_too_long"});
}

TEST(Validate, SaysHowLongTheNamesAreAndMayBe) {
    const auto anomaly = anomalies_after(get_a_long_name).at(0);
    EXPECT_NE(anomaly.detail.find("take 71 bytes"), std::string::npos) << anomaly.detail;
    EXPECT_NE(anomaly.hint.find("at most 55 bytes"), std::string::npos) << anomaly.hint;
}

}  // namespace
}  // namespace ppm
