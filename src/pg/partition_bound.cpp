#include "pg/partition_bound.hpp"

#include "pg/guard.hpp"

namespace ppm {

namespace {

Bound bound_of_value(Datum value, KeyType type) {
    switch (type) {
        case KeyType::date:
            return Bound::of_integer(DatumGetDateADT(value));
        case KeyType::timestamp:
            return Bound::of_integer(DatumGetTimestamp(value));
        case KeyType::timestamptz:
            return Bound::of_integer(DatumGetTimestampTz(value));
        case KeyType::uuid: {
            Uuid bytes;
            std::copy_n(DatumGetUUIDP(value)->data, bytes.size(), bytes.begin());
            return Bound::of_bytes(bytes);
        }
    }
    std::abort();
}

Bound bound_of(const List* datums, KeyType type) {
    if (list_length(datums) != 1)
        elog(ERROR, "partition bound has %d columns, not one", list_length(datums));
    const auto* const datum = linitial_node(PartitionRangeDatum, datums);
    switch (datum->kind) {
        case PARTITION_RANGE_DATUM_MINVALUE:
            return Bound::min_value();
        case PARTITION_RANGE_DATUM_MAXVALUE:
            return Bound::max_value();
        case PARTITION_RANGE_DATUM_VALUE:
            break;
    }
    return bound_of_value(castNode(Const, datum->value)->constvalue, type);
}

}  // namespace

std::optional<KeyType> key_type_of(Oid type) {
    switch (type) {
        case DATEOID:
            return KeyType::date;
        case TIMESTAMPOID:
            return KeyType::timestamp;
        case TIMESTAMPTZOID:
            return KeyType::timestamptz;
        case UUIDOID:
            return KeyType::uuid;
        default:
            return std::nullopt;
    }
}

std::optional<BoundRange> read_partition_bound(Datum relpartbound, KeyType type) {
    return call([=]() -> std::optional<BoundRange> {
        auto* const spec =
            castNode(PartitionBoundSpec, stringToNode(TextDatumGetCString(relpartbound)));
        if (spec->is_default)
            return std::nullopt;
        return BoundRange{bound_of(spec->lowerdatums, type), bound_of(spec->upperdatums, type)};
    });
}

}  // namespace ppm
