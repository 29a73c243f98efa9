#include "core/schedule/schedule.hpp"

#include <gtest/gtest.h>

#include <random>

namespace ppm {
namespace {

using namespace std::chrono_literals;
using Time = Schedule::Time;

const Time start{std::chrono::hours{24 * 365}};
const Instant clock_at_start{std::chrono::sys_days{std::chrono::year{2026} / 11 / 26}};
constexpr Schedule::Database app = 16384;

// A database that is scheduled hourly, and due.
Schedule hourly() {
    Schedule schedule;
    schedule.set({app}, 1h, start);
    return schedule;
}

TEST(Schedule, IsDueAtOnce) {
    const Schedule schedule = hourly();
    EXPECT_EQ(schedule.due(start), app);
    EXPECT_EQ(schedule.next(), start);
}

TEST(Schedule, OfNoDatabaseNeverIs) {
    const Schedule schedule;
    EXPECT_EQ(schedule.due(Time::max()), std::nullopt);
    EXPECT_EQ(schedule.next(), std::nullopt);
}

TEST(Schedule, CallsWhatWasNeverCalled) {
    EXPECT_TRUE(hourly().is_call_due(app, std::nullopt, clock_at_start, start));
}

TEST(Schedule, MakesUpForACallThatWasMissed) {
    EXPECT_TRUE(hourly().is_call_due(app, clock_at_start - 1h, clock_at_start, start));
    EXPECT_TRUE(hourly().is_call_due(app, clock_at_start - 24h * 365000, clock_at_start, start));
}

TEST(Schedule, WaitsOutTheIntervalOfACallThatSomebodyMade) {
    Schedule schedule = hourly();
    EXPECT_FALSE(schedule.is_call_due(app, clock_at_start - 20min, clock_at_start, start));
    EXPECT_EQ(schedule.next(), start + 40min);
    EXPECT_EQ(schedule.due(start + 40min - 1us), std::nullopt);
    EXPECT_EQ(schedule.due(start + 40min), app);
}

TEST(Schedule, IgnoresALastCallInTheFuture) {
    EXPECT_TRUE(hourly().is_call_due(app, clock_at_start + 1s, clock_at_start, start));
}

TEST(Schedule, KeepsItsRhythmHoweverLongACallTakes) {
    Schedule schedule = hourly();
    schedule.called(app, start, start + 10min, clock_at_start + 10min);
    EXPECT_EQ(schedule.next(), start + 1h);
    // Its own call counts from when it began.
    EXPECT_TRUE(schedule.is_call_due(app, clock_at_start + 10min, clock_at_start + 1h, start + 1h));
}

TEST(Schedule, LeavesOutWhatALongCallHasMissed) {
    Schedule schedule = hourly();
    schedule.called(app, start, start + 150min, clock_at_start + 150min);
    EXPECT_EQ(schedule.next(), start + 3h);
    schedule.called(app, start, start + 3h, clock_at_start + 3h);
    EXPECT_EQ(schedule.next(), start + 4h);
}

TEST(Schedule, CountsACallThatSomebodyMadeAfterItsOwn) {
    Schedule schedule = hourly();
    schedule.called(app, start, start, clock_at_start);
    EXPECT_FALSE(
        schedule.is_call_due(app, clock_at_start + 30min, clock_at_start + 1h, start + 1h));
    EXPECT_EQ(schedule.next(), start + 90min);
}

TEST(Schedule, TriesAgainAfterLongerAndLongerPauses) {
    Schedule schedule = hourly();
    Time now = start;
    for (const auto pause : {1min, 2min, 4min, 8min, 16min, 32min, 60min, 60min}) {
        schedule.postpone(app, now);
        EXPECT_EQ(schedule.next(), now + pause);
        now += pause;
    }
    schedule.called(app, now, now, clock_at_start);
    schedule.postpone(app, now);
    EXPECT_EQ(schedule.next(), now + 1min);
}

TEST(Schedule, PausesNoLongerThanTheInterval) {
    Schedule schedule;
    schedule.set({app}, 90s, start);
    schedule.postpone(app, start);
    schedule.postpone(app, start);
    EXPECT_EQ(schedule.next(), start + 90s);
}

TEST(Schedule, LooksAgainWhereThereIsNothing) {
    Schedule schedule = hourly();
    schedule.skip(app, start);
    EXPECT_EQ(schedule.next(), start + 1h);
}

TEST(Schedule, TakesTheDatabaseThatHasWaitedLongest) {
    Schedule schedule;
    schedule.set({1, 2, 3}, 1h, start);
    schedule.called(1, start, start, clock_at_start);
    schedule.postpone(2, start);
    schedule.skip(3, start - 30min);
    EXPECT_EQ(schedule.due(start + 2h), 2U);
    schedule.called(2, start + 2h, start + 2h, clock_at_start);
    EXPECT_EQ(schedule.due(start + 2h), 3U);
}

TEST(Schedule, ForgetsWhatIsGone) {
    Schedule schedule = hourly();
    schedule.called(app, start, start, clock_at_start);
    schedule.set({}, 1h, start);
    EXPECT_EQ(schedule.next(), std::nullopt);
    schedule.set({app}, 1h, start + 1min);
    EXPECT_EQ(schedule.due(start + 1min), app);
    EXPECT_FALSE(schedule.is_call_due(app, clock_at_start, clock_at_start + 1min, start + 1min));
}

TEST(Schedule, BeginsAnewWithWhatTheDatabasesSay) {
    Schedule schedule = hourly();
    schedule.called(app, start, start, clock_at_start);
    schedule.begin_anew(start + 5min);
    EXPECT_EQ(schedule.due(start + 5min), app);
    EXPECT_FALSE(schedule.is_call_due(app, clock_at_start, clock_at_start + 5min, start + 5min));
    EXPECT_EQ(schedule.next(), start + 1h);
    schedule.begin_anew(start + 2h);
    EXPECT_EQ(schedule.next(), start + 1h);
}

// A year of ten databases, in which calls fail and take their time, others call, somebody sets the
// clock, reloads the configuration, restarts the server.
TEST(Schedule, LeavesNoDatabaseAloneForAYear) {
    constexpr auto longest_call = 50s;
    std::mt19937 random{7};
    const auto happens = [&](unsigned one_in) { return random() % one_in == 0; };
    std::set<Schedule::Database> databases;
    for (Schedule::Database database = 1; database <= 10; ++database)
        databases.insert(database);
    Schedule schedule;
    std::map<Schedule::Database, Instant> last_call;
    std::map<Schedule::Database, Time> called;
    for (const auto database : databases)
        called[database] = start;
    Time now = start;
    auto clock_ahead = 0us;
    const auto clock = [&] {
        return clock_at_start + std::chrono::floor<std::chrono::microseconds>(now - start) +
               clock_ahead;
    };
    int calls = 0;
    while (now < start + 24h * 365) {
        if (happens(5000))
            clock_ahead += happens(2) ? 24h * 400 : -24h * 400;
        if (happens(2000))
            schedule = {};
        schedule.set(databases, 1h, now);
        if (happens(2000))
            schedule.begin_anew(now);
        const auto due = schedule.due(now);
        if (!due) {
            now = std::min(*schedule.next(), now + 60s);
            continue;
        }
        now += 10ms;
        const auto known = last_call.find(*due);
        const auto last = known == last_call.end() ? std::nullopt : std::optional{known->second};
        if (!schedule.is_call_due(*due, last, clock(), now))
            continue;
        const Time begun = now;
        now += std::chrono::milliseconds{random() % 1000 * longest_call / 1s};
        if (happens(10)) {
            schedule.postpone(*due, now);
            continue;
        }
        ++calls;
        called[*due] = now;
        last_call[*due] = clock();
        schedule.called(*due, begun, now, clock());
        // An interval, the pauses after some failures in a row, the others before it; one more
        // after the clock was set.
        for (const auto& [database, at] : called)
            ASSERT_LE(now - at, 3h) << database;
    }
    EXPECT_GE(calls, 10 * 24 * 365 * 9 / 10);
    EXPECT_LE(calls, 10 * 24 * 365 * 11 / 10);
}

}  // namespace
}  // namespace ppm
