// What must hold of every check, whatever the partitions, what was detached before, and the work
// date: tried on random ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "checks.hpp"
#include "core/check/check.hpp"
#include "every_kind.hpp"
#include "execution.hpp"
#include "random_removals.hpp"

namespace ppm {
namespace {

constexpr unsigned cases_per_zone = 40;  // for each grid and key of every_kind()

using Names = std::multiset<std::string>;

// A table and its windows.
struct Case {
    const Orders& orders;
    const Windows& windows;

    Bound begin() const { return orders.codec.encode(windows.work.lower); }
    // Before the first key of a table that counts nothing is missing.
    Bound first() const {
        return orders.codec.encode(std::max(windows.work.lower, windows.work.first));
    }
    Bound end() const { return orders.codec.encode(windows.work.upper); }

    Bound lower(const Partition& partition) const {
        return orders.codec.canonical(partition.bounds.lower);
    }
    // A few uuids that are none of version 7 come before the first of their millisecond.
    Bound upper(const Partition& partition) const {
        return std::max(lower(partition), orders.codec.canonical(partition.bounds.upper));
    }

    bool is_outdated(const Partition& partition) const {
        return !windows.work.keeps_everything && orders.codec.is_in_range(windows.work.lower) &&
               upper(partition) <= begin();
    }
    bool is_surplus(const Partition& partition) const {
        return !is_outdated(partition) && lower(partition) >= end();
    }

    // One that leaves a sliver without keys between it and the first key of its millisecond.
    bool has_odd_bound() const {
        return std::any_of(orders.parent.partitions.begin(), orders.parent.partitions.end(),
                           [&](const Partition& each) {
                               return !orders.codec.is_time_bound(each.bounds.lower) ||
                                      !orders.codec.is_time_bound(each.bounds.upper);
                           });
    }

    bool is_held(Bound key, bool by_pending) const {
        return std::any_of(orders.parent.partitions.begin(), orders.parent.partitions.end(),
                           [&](const Partition& each) {
                               return (by_pending || !each.detach_pending) && lower(each) <= key &&
                                      key < upper(each);
                           });
    }

    // The names of the partitions that are so, but for those that are being detached; none where a
    // bound or a key tells no time.
    template <typename Predicate>
    Names partitions_that(Predicate are_so) const {
        Names names;
        if (!orders.plan(windows).refusals.empty())
            return names;
        for (const Partition& each : orders.parent.partitions)
            if (!each.detach_pending && are_so(each))
                names.insert(each.name);
        return names;
    }
};

Names partitions_of(const std::vector<Anomaly>& anomalies, AnomalyCode code) {
    Names names;
    for (const Anomaly& anomaly : anomalies)
        if (anomaly.code == code)
            names.insert(anomaly.partition);
    return names;
}

// What the hints of what is missing ask for before provision can do something.
std::string reason_in(const std::string& hint) {
    const std::string before = "Fix what stands in its way (";
    return hint.starts_with(before) ? hint.substr(before.size(), hint.find(')') - before.size())
                                    : "";
}

class EveryCheck : public testing::TestWithParam<Kind> {
  protected:
    template <typename Property>
    static void for_each_case(Property property) {
        for_each_seed(cases_per_zone, [&](const TimeZone& zone, unsigned seed) {
            const RandomRemovals random{std::get<0>(GetParam()), std::get<1>(GetParam()), zone,
                                        seed};
            property(Case{random.orders, random.windows});
        });
    }
};

INSTANTIATE_TEST_SUITE_P(, EveryCheck, every_kind(), name_of_kind);

// What is not covered begins where the window does, or where a partition ends. (The window of a
// date before 1970 holds no uuid.)
TEST_P(EveryCheck, FindsSomethingMissingIfAndOnlyIfTheWindowIsNotCovered) {
    for_each_case([](const Case& each) {
        if (each.first() == each.end() || each.has_odd_bound())
            return;
        std::vector<Bound> starts{each.first()};
        for (const Partition& partition : each.orders.parent.partitions)
            starts.push_back(each.upper(partition));
        const bool is_covered = std::none_of(starts.begin(), starts.end(), [&](Bound start) {
            return each.first() <= start && start < each.end() && !each.is_held(start, false);
        });
        // What comes back to before the first key was missing, too.
        const std::vector<Action> provision = each.orders.plan(each.windows).provision;
        const bool comes_back =
            std::any_of(provision.begin(), provision.end(), [&](const Action& action) {
                return std::holds_alternative<AttachPartition>(action) &&
                       each.lower(*existing_partition(action)) < each.first();
            });
        const Names missing =
            partitions_of(check(each.orders, each.windows), AnomalyCode::missing_partition);
        EXPECT_EQ(missing.empty(), is_covered && !comes_back);
    });
}

TEST_P(EveryCheck, FindsEachOutdatedPartitionOnceAndNoOther) {
    for_each_case([](const Case& each) {
        const Names outdated = each.partitions_that(
            [&](const Partition& partition) { return each.is_outdated(partition); });
        EXPECT_EQ(partitions_of(check(each.orders, each.windows), AnomalyCode::outdated_partition),
                  outdated);
    });
}

TEST_P(EveryCheck, FindsEachSurplusPartitionOnceAndNoOther) {
    for_each_case([](const Case& each) {
        const Names surplus = each.partitions_that(
            [&](const Partition& partition) { return each.is_surplus(partition); });
        EXPECT_EQ(partitions_of(check(each.orders, each.windows), AnomalyCode::surplus_partition),
                  surplus);
    });
}

// Also one that ppm has to take back, because it got rows meanwhile.
TEST_P(EveryCheck, FindsEachPendingDetachOnceWhetherItStandsInTheWayOrNot) {
    for_each_case([](const Case& each) {
        Names pending;
        for (const Partition& partition : each.orders.parent.partitions)
            if (partition.detach_pending)
                pending.insert(partition.name);
        for (const Action& action : each.orders.plan(each.windows).cleanup)
            if (std::holds_alternative<AttachPartition>(action) &&
                !pending.contains(partition_of(action)))
                pending.insert(partition_of(action));
        EXPECT_EQ(partitions_of(check(each.orders, each.windows), AnomalyCode::pending_detach),
                  pending);
    });
}

// From edge to edge, what lies between the first partition and the last and that none holds.
std::vector<BoundRange> gaps_beside_the_window(const Case& each) {
    std::set<Bound> edges{each.first(), each.end()};
    std::set<Bound> of_partitions;
    for (const Partition& partition : each.orders.parent.partitions)
        of_partitions.insert({each.lower(partition), each.upper(partition)});
    edges.insert(of_partitions.begin(), of_partitions.end());

    std::vector<BoundRange> gaps;
    for (auto from = edges.begin(), to = std::next(from); to != edges.end(); ++from, ++to) {
        const bool is_between = !of_partitions.empty() && *of_partitions.begin() <= *from &&
                                *to <= *of_partitions.rbegin();
        const bool is_in_window = each.first() <= *from && *from < each.end();
        if (is_between && !is_in_window && !each.is_held(*from, true))
            gaps.push_back({*from, *to});
    }
    return gaps;
}

std::string text_of(const KeyCodec& codec, const BoundRange& range) {
    const Position lower = codec.decode(range.lower);
    const Position upper = codec.decode(range.upper);
    return codec.counts() ? std::to_string(lower.number()) + " to " + std::to_string(upper.number())
                          : range_text(lower, upper);
}

TEST_P(EveryCheck, FindsTheGapsBesideTheWindowAndNoOther) {
    for_each_case([](const Case& each) {
        if (each.has_odd_bound())
            return;
        Lines expected;
        for (const BoundRange& gap : gaps_beside_the_window(each))
            expected.push_back("No partition of table \"public." +
                               each.orders.parent.configuration.table_name + "\" covers " +
                               text_of(each.orders.codec, gap) + ", outside the window.");
        Lines gaps;
        for (const Anomaly& anomaly : check(each.orders, each.windows))
            if (anomaly.code == AnomalyCode::gap)
                gaps.push_back(anomaly.detail);
        EXPECT_EQ(gaps, expected);
    });
}

TEST_P(EveryCheck, SaysWhatIsWrongInSentencesOnOneLineAndWhatToDo) {
    for_each_case([](const Case& each) {
        Answers answers;
        answers.default_rows = {each.begin()};
        for (const std::string& name : each.orders.with_rows)
            answers.failures.insert({name, {"canceling statement due to lock timeout"}});
        for (const Anomaly& anomaly : check(each.orders, each.windows, answers)) {
            EXPECT_TRUE(anomaly.detail.ends_with('.') && !anomaly.detail.ends_with(".."))
                << anomaly.detail;
            EXPECT_EQ(anomaly.detail.find('\n'), std::string::npos) << anomaly.detail;
            EXPECT_FALSE(anomaly.hint.empty()) << anomaly.detail;
        }
    });
}

TEST_P(EveryCheck, AsksForNoCleanupThatWouldDoNothing) {
    for_each_case([](const Case& each) {
        std::set<std::string> cleaned;
        for (const Action& action : each.orders.plan(each.windows).cleanup)
            cleaned.insert(partition_of(action));
        for (const Anomaly& anomaly : check(each.orders, each.windows))
            if (anomaly.hint.starts_with("CALL ppm.cleanup(")) {
                EXPECT_TRUE(cleaned.contains(anomaly.partition)) << anomaly.detail;
            }
    });
}

TEST_P(EveryCheck, FindsMissingAfterProvisionOnlyWhatSomethingFoundStandsInTheWayOf) {
    for_each_case([](const Case& each) {
        Orders provisioned = each.orders;
        Execution{provisioned}.execute(provisioned.plan(each.windows).provision);
        const std::vector<Anomaly> anomalies = check(provisioned, each.windows);
        std::set<std::string_view> found;
        for (const Anomaly& anomaly : anomalies)
            found.insert(name_of(anomaly.code));
        for (const Anomaly& anomaly : anomalies)
            if (anomaly.code == AnomalyCode::missing_partition) {
                EXPECT_TRUE(found.contains(reason_in(anomaly.hint))) << anomaly.hint;
            }
    });
}

// What ppm leaves, and says why, or only somebody else can mend.
bool may_stay(const Anomaly& anomaly) {
    switch (anomaly.code) {
        case AnomalyCode::missing_partition:
            return !reason_in(anomaly.hint).empty();
        case AnomalyCode::outdated_partition:
        case AnomalyCode::surplus_partition:
        case AnomalyCode::pending_drop:
            return anomaly.detail.find(" Cleanup leaves it: ") != std::string::npos;
        case AnomalyCode::name_too_long:
        case AnomalyCode::name_taken:
        case AnomalyCode::wrong_bounds:
        case AnomalyCode::detached_changed:
        case AnomalyCode::encoding_suspect:
        case AnomalyCode::key_jump:
            return true;
        default:
            return severity_of(anomaly.code) == Severity::warning;
    }
}

// What is removed may stand in the way until then: hence a second time.
TEST_P(EveryCheck, FindsNothingAfterProvisionAndCleanupThatTheyCouldFix) {
    for_each_case([](const Case& each) {
        Orders cleaned = each.orders;
        for (int time = 0; time < 2; ++time)
            Execution{cleaned}.execute(cleaned.plan(each.windows));
        for (const Anomaly& anomaly : check(cleaned, each.windows))
            EXPECT_TRUE(may_stay(anomaly)) << line_of(anomaly) << ": " << anomaly.detail;
    });
}

TEST_P(EveryCheck, FindsNothingWrongWithWhatProvisionMadeAlone) {
    for_each_case([](const Case& each) {
        Orders clean = each.orders;
        clean.parent.partitions.clear();
        clean.parent.detached.clear();
        clean.parent.default_partition.reset();
        clean.other_relations.clear();
        clean.parent.configuration.table_name = "orders";  // numbers may be long
        Windows windows = each.windows;
        if (auto& key = clean.parent.greatest_key) {
            // One that slipped, or that lies where no partition ends, is found.
            key->next.reset();
            key->has_own_partition = key->is_certain = true;
            const Configuration& table = clean.parent.configuration;
            windows.work = windows.today =
                window_of(*key, table.grid(), table.pre_provisioned, table.retention);
        }
        Execution{clean}.execute(clean.plan(windows));
        EXPECT_EQ(lines_of(check(clean, windows)), Lines{});
    });
}

TEST_P(EveryCheck, AsksForEachCleanupThatIsPlanned) {
    for_each_case([](const Case& each) {
        Names asked;
        for (const Anomaly& anomaly : check(each.orders, each.windows))
            if (anomaly.hint.starts_with("CALL ppm.cleanup("))
                asked.insert(anomaly.partition);
        for (const Action& action : each.orders.plan(each.windows).cleanup)
            EXPECT_TRUE(asked.contains(partition_of(action))) << partition_of(action);
    });
}

}  // namespace
}  // namespace ppm
