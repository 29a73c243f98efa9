#include "pg/catalog/partition_bound.hpp"

#include "core/key/uuidv7.hpp"
#include "core/text.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/catalog/scan.hpp"

namespace ppm {

namespace {

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

constexpr char min_value_text[] = "MINVALUE";
constexpr char max_value_text[] = "MAXVALUE";

Oid oid_of(KeyType type) {
    switch (type) {
        case KeyType::date:
            return DATEOID;
        case KeyType::timestamp:
            return TIMESTAMPOID;
        case KeyType::timestamptz:
            return TIMESTAMPTZOID;
        case KeyType::uuid:
            return UUIDOID;
        case KeyType::smallint:
            return INT2OID;
        case KeyType::integer:
            return INT4OID;
        case KeyType::bigint:
            return INT8OID;
        case KeyType::text:
            return TEXTOID;
        case KeyType::varchar:
            return VARCHAROID;
    }
    std::abort();
}

using Text = std::array<char, MAXDATELEN + 1>;

Text date_text(DateADT date) {
    Text text{};
    if (DATE_NOT_FINITE(date)) {
        EncodeSpecialDate(date, text.data());
        return text;
    }
    pg_tm broken_down{};
    j2date(date + POSTGRES_EPOCH_JDATE, &broken_down.tm_year, &broken_down.tm_mon,
           &broken_down.tm_mday);
    EncodeDateOnly(&broken_down, USE_ISO_DATES, text.data());
    return text;
}

// With a zone, as a timestamptz.
Text timestamp_text(Timestamp timestamp, pg_tz* zone) {
    Text text{};
    if (TIMESTAMP_NOT_FINITE(timestamp)) {
        EncodeSpecialTimestamp(timestamp, text.data());
        return text;
    }
    pg_tm broken_down{};
    fsec_t fraction = 0;
    int west = 0;
    if (timestamp2tm(timestamp, zone == nullptr ? nullptr : &west, &broken_down, &fraction, nullptr,
                     zone) != 0)
        ereport(ERROR,
                (errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range")));
    EncodeDateTime(&broken_down, fraction, zone != nullptr, west, nullptr, USE_ISO_DATES,
                   text.data());
    return text;
}

Text uuid_text(const Uuid& uuid) {
    pg_uuid_t value;
    std::ranges::copy(uuid, value.data);
    Text text{};
    strlcpy(text.data(), DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&value))),
            text.size());
    return text;
}

Text value_text(Bound bound, KeyType type, pg_tz* zone) {
    switch (type) {
        case KeyType::date:
            return date_text(static_cast<DateADT>(bound.integer()));
        case KeyType::timestamp:
            return timestamp_text(bound.integer(), nullptr);
        case KeyType::timestamptz:
            return timestamp_text(bound.integer(), zone);
        case KeyType::uuid:
            return uuid_text(bound.bytes());
        case KeyType::smallint:
        case KeyType::integer:
        case KeyType::bigint: {
            Text text{};
            pg_lltoa(bound.integer(), text.data());
            return text;
        }
        case KeyType::text:
        case KeyType::varchar:
            break;
    }
    std::abort();
}

// False if it is being detached. May ereport.
bool is_attached_to(Oid relation, Oid parent) {
    bool result = false;
    each_row(InheritsRelationId, InheritsRelidSeqnoIndexId, Anum_pg_inherits_inhrelid, relation,
             [&](HeapTuple tuple) {
                 const auto* const form = reinterpret_cast<Form_pg_inherits>(GETSTRUCT(tuple));
                 result = form->inhparent == parent && !form->inhdetachpending;
             });
    return result;
}

// A copy of relpartbound; 0 if the relation is no partition. May ereport.
Datum partition_bound_of(Oid relation) {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    if (!HeapTupleIsValid(tuple))
        return Datum{};
    bool is_null = true;
    const Datum bound = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relpartbound, &is_null);
    const Datum copy = is_null ? Datum{} : datumCopy(bound, false, -1);
    ReleaseSysCache(tuple);
    return copy;
}

// Reads only the first bytes, because a row may be large, and keeps no copy, because there may be
// many rows. Does not end in the middle of a character. May ereport.
Bound bound_of_text_value(varlena* value) {
    constexpr int most = static_cast<int>(Bound::max_text_bytes);
    const bool is_elsewhere = VARATT_IS_EXTERNAL(value) || VARATT_IS_COMPRESSED(value);
    varlena* const read = is_elsewhere ? pg_detoast_datum_slice(value, 0, most) : value;
    const char* const text = VARDATA_ANY(read);
    const int size = std::min(static_cast<int>(VARSIZE_ANY_EXHDR(read)), most);
    const Bound bound = Bound::of_text(
        {text, static_cast<std::size_t>(size < most ? size : pg_mbcliplen(text, size, most))});
    if (is_elsewhere)
        pfree(read);
    return bound;
}

}  // namespace

AttrNumber key_attribute(Relation table, const char* column, KeyType type) {
    const AttrNumber attribute = get_attnum(RelationGetRelid(table), column);
    return table->rd_tableam != nullptr && attribute != InvalidAttrNumber &&
                   key_type_of(get_atttype(RelationGetRelid(table), attribute)) == type
               ? attribute
               : static_cast<AttrNumber>(InvalidAttrNumber);
}

AttrNumber require_key_attribute(Relation table, const char* column, KeyType type) {
    const AttrNumber attribute = key_attribute(table, column, type);
    if (attribute == InvalidAttrNumber)
        raise_key_changed(RelationGetRelid(table));
    return attribute;
}

void raise_key_changed(Oid table) {
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the partition key of table \"%s\" was changed concurrently",
                           get_rel_name(table)),
                    errhint("Call the procedure again.")));
}

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
        case KeyType::smallint:
            return Bound::of_integer(DatumGetInt16(value));
        case KeyType::integer:
            return Bound::of_integer(DatumGetInt32(value));
        case KeyType::bigint:
            return Bound::of_integer(DatumGetInt64(value));
        case KeyType::text:
        case KeyType::varchar: {
            return bound_of_text_value(reinterpret_cast<varlena*>(DatumGetPointer(value)));
        }
    }
    std::abort();
}

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
        case INT2OID:
            return KeyType::smallint;
        case INT4OID:
            return KeyType::integer;
        case INT8OID:
            return KeyType::bigint;
        case TEXTOID:
            return KeyType::text;
        case VARCHAROID:
            return KeyType::varchar;
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

bool is_partition(RelationId relation, RelationId parent, KeyType type, const BoundRange& bounds) {
    const Datum bound = call([=] {
        // Sees what this transaction has just done, too.
        CommandCounterIncrement();
        return is_attached_to(relation, parent) ? partition_bound_of(relation) : Datum{};
    });
    return bound != Datum{} && read_partition_bound(bound, type) == bounds;
}

std::string bound_text(Bound bound, KeyType type, const ServerTimeZone& zone) {
    if (bound.kind() == Bound::Kind::min_value)
        return min_value_text;
    if (bound.kind() == Bound::Kind::max_value)
        return max_value_text;
    if (is_text(type))
        return bound.text();
    return call([&] { return value_text(bound, type, zone.rules()); }).data();
}

Bound bound_of_text(const std::string& text, KeyType type) {
    if (text == min_value_text)
        return Bound::min_value();
    if (text == max_value_text)
        return Bound::max_value();
    if (is_text(type))
        return Bound::of_text(text);
    return call([&] {
        Oid input = InvalidOid;
        Oid parameter = InvalidOid;
        getTypeInputInfo(oid_of(type), &input, &parameter);
        std::array<char, MAXDATELEN + 1> copy{};
        strlcpy(copy.data(), text.c_str(), copy.size());
        return bound_of_value(OidInputFunctionCall(input, copy.data(), parameter, -1), type);
    });
}

std::string bound_literal(Bound bound, KeyType type, const ServerTimeZone& zone) {
    std::string result = bound_text(bound, type, zone);
    if (bound.kind() != Bound::Kind::value || is_integer(type))
        return result;
    return is_text(type) ? in_single_quotes(result) : "'" + result + "'";
}

}  // namespace ppm
