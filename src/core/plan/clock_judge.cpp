#include "core/plan/clock_judge.hpp"

#include <algorithm>

#include "core/text.hpp"

namespace ppm {

namespace chrono = std::chrono;

namespace {

// With a cleanup every month, waiting tables are never in doubt.
constexpr chrono::days longest_month_and_more{35};
// Ordinary corrections of a clock are smaller.
constexpr chrono::minutes correction{1};

}  // namespace

bool ClockJudge::doubts_outdated() const {
    return !codec_.counts() && is_ahead_by(window_length());
}

bool ClockJudge::doubts_waiting() const {
    return is_ahead_by(codec_.counts()
                           ? Instant::duration{longest_month_and_more}
                           : std::min<Instant::duration>(longest_month_and_more, window_length()));
}

bool ClockJudge::doubts_surplus() const {
    return !codec_.counts() && is_behind_by(correction);
}

bool ClockJudge::doubts_waits_to_come() const {
    return is_behind_by(chrono::days{1});
}

Anomaly ClockJudge::outdated_in_doubt() const {
    return clock_jump("more than a window after", "nothing outdated is removed");
}

Anomaly ClockJudge::waiting_in_doubt() const {
    return clock_jump(!codec_.counts() && window_length() < longest_month_and_more
                          ? "more than a window after"
                          : "more than 35 days after",
                      "no table that waited for drop_delay is dropped");
}

Anomaly ClockJudge::surplus_in_doubt() const {
    return clock_jump("before", "nothing surplus is removed");
}

Anomaly ClockJudge::waits_in_doubt() const {
    return clock_jump("before", "tables that wait for drop_delay might wait too long");
}

bool ClockJudge::is_ahead_by(Instant::duration pause) const {
    using Kind = ClockReference::Kind;
    const auto& reference = parent_.clock_reference;
    if (!reference || windows_.now <= reference->at + pause)
        return false;
    if (reference->kind == Kind::failed)
        return true;
    // Rows of keys that count do not tell the time. Before the first cleanup nothing waits.
    if (codec_.counts())
        return reference->kind != Kind::server_started;
    return lookups_.looks_into_partitions && !newest_rows_are_of_now();
}

bool ClockJudge::is_behind_by(Instant::duration step) const {
    const auto& reference = parent_.clock_reference;
    return reference && windows_.now + step < reference->at;
}

Instant::duration ClockJudge::window_length() const {
    return windows_.today.upper.time() - windows_.today.lower.time();
}

// Whether the highest partition that has rows holds rows of now, or of at most one window ago.
bool ClockJudge::newest_rows_are_of_now() const {
    const auto tells = [&](const Partition& each) {
        return !each.detach_pending && codec_.decode(each.bounds.lower) != minus_infinity &&
               codec_.decode(each.bounds.upper) != plus_infinity && !lookups_.is_empty(each);
    };
    const auto newest = std::find_if(parent_.partitions.rbegin(), parent_.partitions.rend(), tells);
    const LocalTime now = codec_.civil(windows_.now);
    if (newest != parent_.partitions.rend())
        return codec_.decode(newest->bounds.lower) <= now &&
               codec_.decode(newest->bounds.upper) >= now - window_length();
    // No partition has rows: that is fine before the first cleanup, and suspect after it.
    return parent_.clock_reference->kind == ClockReference::Kind::server_started;
}

Anomaly ClockJudge::clock_jump(const std::string& how_far, const std::string& consequence) const {
    const ClockReference& reference = *parent_.clock_reference;
    const Configuration& configuration = parent_.configuration;
    const bool started = reference.kind == ClockReference::Kind::server_started;
    return {AnomalyCode::clock_jump,
            {},
            "The clock says " + to_text(codec_.civil(windows_.now)) + ", " + how_far + " " +
                to_text(codec_.civil(reference.at)) + ", when " +
                (started ? "the server was started" : "the last cleanup ended") + ": " +
                consequence + ".",
            "If the clock is right, write the row again: UPDATE ppm.config SET retention = "
            "retention WHERE schema_name = " +
                in_single_quotes(configuration.schema_name) +
                " AND table_name = " + in_single_quotes(configuration.table_name) + ";"};
}

}  // namespace ppm
