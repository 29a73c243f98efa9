#include "pg/bridge/result_set.hpp"

#include "pg/bridge/guard.hpp"
#include "pg/catalog/time_zone.hpp"

namespace ppm {

namespace {

constexpr std::size_t max_columns = 16;

Datum datum_of(const std::string& value, Oid type) {
    if (type != NAMEOID)
        return CStringGetTextDatum(value.c_str());
    auto* const name = static_cast<Name>(palloc0(sizeof(NameData)));
    namestrcpy(name, value.c_str());
    return NameGetDatum(name);
}

// Splits the length into days and the rest, like the difference of two timestamps.
Datum datum_of(std::chrono::microseconds length) {
    const auto days = std::chrono::floor<std::chrono::days>(length);
    auto* const interval = static_cast<::Interval*>(palloc0(sizeof(::Interval)));
    interval->day = static_cast<std::int32_t>(days.count());
    interval->time = (length - days).count();
    return IntervalPGetDatum(interval);
}

// May ereport.
Datum datum_of(const Cell& cell, Oid type) {
    if (const auto* const integer = std::get_if<std::int32_t>(&cell))
        return Int32GetDatum(*integer);
    if (const auto* const oid = std::get_if<Oid>(&cell))
        return ObjectIdGetDatum(*oid);
    if (const auto* const length = std::get_if<std::chrono::microseconds>(&cell))
        return datum_of(*length);
    if (const auto* const string = std::get_if<std::string>(&cell))
        return datum_of(*string, type);
    if (const auto* const time = std::get_if<Position>(&cell))
        return TimestampGetDatum(to_stored(*time));
    return Datum{};
}

}  // namespace

Cell name_or_null(const std::string& name) {
    return name.empty() ? Cell{std::nullopt} : Cell{name};
}

Cell edge_or_null(const std::optional<Slot>& civil, Position Slot::*edge) {
    return civil ? Cell{(*civil).*edge} : Cell{std::nullopt};
}

ResultSet::ResultSet(FunctionCallInfo fcinfo) {
    call([this, fcinfo] {
        auto* const info = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
        if (info == nullptr || !IsA(info, ReturnSetInfo) ||
            (info->allowedModes & SFRM_Materialize) == 0)
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                     errmsg("set-valued function called in context that cannot accept a set")));

        const MemoryContext before = MemoryContextSwitchTo(info->econtext->ecxt_per_query_memory);
        if (get_call_result_type(fcinfo, nullptr, &descriptor_) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "return type must be a row type");
        rows_ = tuplestore_begin_heap(true, false, work_mem);
        info->returnMode = SFRM_Materialize;
        info->setResult = rows_;
        info->setDesc = descriptor_;
        MemoryContextSwitchTo(before);
    });
}

void ResultSet::add(std::initializer_list<Cell> cells) {
    call([&] {
        if (cells.size() > max_columns || static_cast<int>(cells.size()) < descriptor_->natts)
            elog(ERROR, "row has %zu columns, not %d", cells.size(), descriptor_->natts);
        std::array<Datum, max_columns> values{};
        std::array<bool, max_columns> nulls{};
        int column = 0;
        for (const Cell& cell : cells) {
            if (column == descriptor_->natts)
                break;
            values[column] = datum_of(cell, TupleDescAttr(descriptor_, column)->atttypid);
            nulls[column] = std::holds_alternative<std::nullopt_t>(cell);
            ++column;
        }
        tuplestore_putvalues(rows_, descriptor_, values.data(), nulls.data());
    });
}

}  // namespace ppm
