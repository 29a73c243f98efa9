#include "pg/records/xid_snapshot.hpp"

#include "core/text.hpp"
#include "pg/bridge/guard.hpp"

namespace ppm {

namespace {

constexpr std::uint64_t xids_per_epoch = std::uint64_t{1} << 32U;

// The full transaction ID of this xid, among the last four billion before `next`.
std::uint64_t widened(TransactionId xid, std::uint64_t next) {
    return next - static_cast<TransactionId>(static_cast<TransactionId>(next) - xid);
}

std::uint64_t next_xid() {
    return call([] { return U64FromFullTransactionId(ReadNextFullTransactionId()); });
}

}  // namespace

// A row's xmin has 32 bits, and freezing does not change it (since 9.4). An xmin that is not among
// the transactions since this snapshot's xmin can only be older.
bool XidSnapshot::shows(TransactionId xid, std::uint64_t next) const {
    if (!TransactionIdIsNormal(xid))
        return true;
    if (next - xmin >= xids_per_epoch)
        return false;
    const std::uint64_t wide = widened(xid, next);
    return wide < xmin || (wide < xmax && !std::ranges::binary_search(in_progress, wide));
}

std::string XidSnapshot::text() const {
    std::string text = std::to_string(xmin) + ":" + std::to_string(xmax) + ":";
    for (const std::uint64_t xid : in_progress)
        text += (text.back() == ':' ? "" : ",") + std::to_string(xid);
    return text;
}

XidSnapshot snapshot_of_now() {
    const Snapshot now = call([] { return GetLatestSnapshot(); });
    const std::uint64_t next = next_xid();  // after it, so that none of its xids is later
    const std::uint64_t xmin = widened(now->xmin, next);
    // If subtransactions have overflowed, no transaction from xmin on counts as ended.
    const std::uint64_t xmax = now->suboverflowed ? xmin : widened(now->xmax, next);
    std::set<std::uint64_t> in_progress;
    const auto add = [&](const TransactionId* xids, std::size_t count) {
        for (const TransactionId xid : std::span{xids, count})
            if (const std::uint64_t wide = widened(xid, next); wide >= xmin && wide < xmax)
                in_progress.insert(wide);
    };
    add(now->xip, now->xcnt);
    add(now->subxip, static_cast<std::size_t>(now->subxcnt));
    return {xmin, xmax, {in_progress.begin(), in_progress.end()}};
}

XidSnapshot snapshot_of_older_transactions() {
    return snapshot_before(call([] { return GetTopTransactionId(); }));
}

XidSnapshot ended_by_now(const XidSnapshot& older) {
    XidSnapshot now = snapshot_of_now();
    now.xmin = std::min(now.xmin, older.xmin);
    now.xmax = std::min(now.xmax, older.xmax);
    // As pg_snapshot has it, the list has none from xmax on.
    std::erase_if(now.in_progress, [&](std::uint64_t xid) { return xid >= now.xmax; });
    return now;
}

XidSnapshot snapshot_of_text(const std::string& text) {
    std::vector<std::uint64_t> numbers;
    const char* position = text.data();
    const char* const end = position + text.size();
    while (position < end) {
        std::uint64_t number = 0;
        const auto [after, error] = std::from_chars(position, end, number);
        if (error == std::errc{})
            numbers.push_back(number);
        position = after + 1;
    }
    if (numbers.size() < 2)
        throw PpmError{ERRCODE_DATA_CORRUPTED,
                       "snapshot " + in_quotes(text) + " of ppm.detached is not valid"};
    return {numbers[0], numbers[1], {numbers.begin() + 2, numbers.end()}};
}

XidSnapshot snapshot_before(TransactionId xid) {
    const std::uint64_t wide = widened(xid, next_xid());
    return {wide, wide, {}};
}

}  // namespace ppm
