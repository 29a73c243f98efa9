#include "pg/repartition/wait.hpp"

#include "pg/run/report.hpp"

namespace ppm {

namespace {

constexpr std::chrono::milliseconds shortest_pause{10};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::milliseconds worth_a_word{100};

constexpr char waited_for_query[] =
    "SELECT string_agg(pid::text, ', ' ORDER BY xact_start) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_xmin IS NOT NULL "
    "AND age(backend_xmin) >= age($1::text::xid)";

using Holders = std::vector<VirtualTransactionId>;

// Transactions with a snapshot that is as old, or older. Not VACUUM's, which see no rows.
Holders holders_of(TransactionId xmin) {
    int count = 0;
    const VirtualTransactionId* const found =
        call([&] { return GetCurrentVirtualXIDs(xmin, true, false, vacuum_flags, &count); });
    return {found, found + count};
}

// Releases the snapshot at once: keeping it would hold back VACUUM, and two sessions that wait like
// this would wait for each other.
TransactionId xmin_of_now() {
    return call([] {
        PushActiveSnapshot(GetLatestSnapshot());
        const TransactionId xmin = GetActiveSnapshot()->xmin;
        PopActiveSnapshot();
        return xmin;
    });
}

bool contains(const Holders& holders, const VirtualTransactionId& one) {
    return std::ranges::any_of(holders, [&](const VirtualTransactionId& each) {
        return VirtualTransactionIdEquals(each, one);
    });
}

// A moment, and who held a snapshot from before it.
struct Moment {
    TransactionId xmin;
    Holders holders;
};

Moment look_around() {
    const TransactionId xmin = xmin_of_now();
    return {xmin, holders_of(xmin)};
}

// Those in `left` that still have a snapshot from before the first look, and those who have
// imported one since the last look (SET TRANSACTION SNAPSHOT). A new snapshot is never older than
// that look.
Holders left_of(const Holders& left, TransactionId first, const Moment& last) {
    TransactionId before_last = first;
    if (!TransactionIdFollows(last.xmin, first))
        TransactionIdRetreat(before_last);
    Holders result;
    for (const VirtualTransactionId& each : holders_of(first))
        if (contains(left, each))
            result.push_back(each);
    for (const VirtualTransactionId& each : holders_of(before_last))
        if (!contains(last.holders, each) && !contains(result, each))
            result.push_back(each);
    return result;
}

void announce_who_is_waited_for(TransactionId xmin) {
    const auto processes = query(waited_for_query, {text_parameter(std::to_string(xmin))})
                               .value<std::optional<std::string>>();
    announce("waiting for older transactions to end, in processes " +
             processes.value_or("that have ended by now"));
}

}  // namespace

void wait_for_snapshots_of_others(Session& session, const std::function<void()>& meanwhile) {
    // Ends this session's own transaction, and with it its snapshot.
    session.pause(std::chrono::milliseconds{0});
    Moment last = session.read(look_around);
    const TransactionId xmin = last.xmin;
    Holders left = last.holders;
    std::chrono::milliseconds pause = shortest_pause;
    bool said = false;
    while (!left.empty()) {
        session.pause(pause);
        meanwhile();
        session.read([&] {
            left = left_of(left, xmin, last);
            last = look_around();
            return true;
        });
        if (pause >= worth_a_word && !left.empty() && !said) {
            session.read([=] {
                announce_who_is_waited_for(xmin);
                return true;
            });
            said = true;
        }
        pause = std::min(2 * pause, longest_pause);
    }
}

}  // namespace ppm
