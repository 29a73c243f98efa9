#include "core/schedule/schedule.hpp"

#include <algorithm>

namespace ppm {

void Schedule::set(const std::set<Database>& databases, Duration interval, Time now) {
    interval_ = interval;
    const auto is_gone = [&](const auto& entry) { return !databases.contains(entry.first); };
    std::erase_if(times_, is_gone);
    std::erase_if(pauses_, is_gone);
    std::erase_if(own_calls_, is_gone);
    for (const Database database : databases)
        times_.try_emplace(database, now);
}

void Schedule::begin_anew(Time now) {
    for (auto& [database, time] : times_)
        time = std::min(time, now);
    pauses_.clear();
    own_calls_.clear();
}

std::optional<Schedule::Database> Schedule::due(Time now) const {
    const auto first = std::ranges::min_element(times_, {}, [](const auto& entry) {
        return std::pair{entry.second, entry.first};
    });
    if (first == times_.end() || first->second > now)
        return std::nullopt;
    return first->first;
}

std::optional<Schedule::Time> Schedule::next() const {
    std::optional<Time> next;
    for (const auto& [database, time] : times_)
        next = std::min(next.value_or(time), time);
    return next;
}

bool Schedule::is_call_due(Database database, std::optional<Instant> last_call, Instant clock,
                           Time now) {
    // If the last call lies in the future, the clock was set back since.
    if (!last_call || *last_call > clock)
        return true;
    const auto own = own_calls_.find(database);
    if (own != own_calls_.end() && *last_call <= own->second)
        return true;
    const auto ago = clock - *last_call;
    if (ago >= std::chrono::floor<std::chrono::microseconds>(interval_))
        return true;
    times_[database] = now + (interval_ - ago);
    pauses_.erase(database);
    return false;
}

void Schedule::called(Database database, Time begun, Time ended, Instant clock) {
    times_[database] = begun + interval_ * ((ended - begun) / interval_ + 1);
    pauses_.erase(database);
    own_calls_[database] = clock;
}

void Schedule::skip(Database database, Time now) {
    times_[database] = now + interval_;
    pauses_.erase(database);
}

void Schedule::postpone(Database database, Time now) {
    const auto [pause, is_first] = pauses_.try_emplace(database, shortest_pause);
    if (!is_first)
        pause->second *= 2;
    pause->second = std::min(pause->second, interval_);
    times_[database] = now + pause->second;
}

}  // namespace ppm
