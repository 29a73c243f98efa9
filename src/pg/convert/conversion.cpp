#include "pg/convert/conversion.hpp"

#include "core/grid/naming.hpp"
#include "core/text.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/greatest_key.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/ddl/ddl.hpp"
#include "pg/run/plan.hpp"

namespace ppm {

namespace {

constexpr char column_query[] = R"(
    SELECT k.atttypid, format_type(k.atttypid, NULL), k.attcollation IN (0, 950, 951), -- "C" and "POSIX"
           NOT k.attnotnull, k.attgenerated <> '', k.attnum
    FROM pg_attribute k WHERE k.attrelid = $1 AND k.attname = $2 AND k.attnum > 0 AND NOT k.attisdropped)";

constexpr char check_query[] =
    "SELECT c.oid, c.convalidated, c.conbin FROM pg_constraint c "
    "WHERE c.conrelid = $1 AND c.contype = 'c' AND c.conname = $2";

// How much of a table PostgreSQL surely reads in a second, in blocks: 20 MB.
constexpr std::uint64_t blocks_in_a_second = 2560;

// The value that the constraint compares the column with; nullptr if the constraint is not made of
// a NULL test and one comparison. May ereport.
const Const* compared_with(Node* expression, AttrNumber attribute) {
    if (!IsA(expression, BoolExpr) || list_length(castNode(BoolExpr, expression)->args) != 2)
        return nullptr;
    auto* const comparison = static_cast<Node*>(lsecond(castNode(BoolExpr, expression)->args));
    if (!IsA(comparison, OpExpr) || list_length(castNode(OpExpr, comparison)->args) != 2)
        return nullptr;
    auto* column = static_cast<Node*>(linitial(castNode(OpExpr, comparison)->args));
    // A varchar is compared as a text.
    if (IsA(column, RelabelType))
        column = reinterpret_cast<Node*>(castNode(RelabelType, column)->arg);
    auto* const value = static_cast<Node*>(lsecond(castNode(OpExpr, comparison)->args));
    if (!IsA(column, Var) || castNode(Var, column)->varattno != attribute || !IsA(value, Const) ||
        castNode(Const, value)->constisnull)
        return nullptr;
    return castNode(Const, value);
}

std::optional<Bound> end_in(Datum tree, AttrNumber attribute, KeyType type) {
    return call([=]() -> std::optional<Bound> {
        const Const* const value =
            compared_with(static_cast<Node*>(stringToNode(TextDatumGetCString(tree))), attribute);
        if (value == nullptr)
            return std::nullopt;
        const auto compared = key_type_of(value->consttype);
        if (compared != type && !(compared == KeyType::text && is_text(type)))
            return std::nullopt;
        return bound_of_value(value->constvalue, type);
    });
}

std::optional<ConversionCheck> read_check(const Table& table, AttrNumber attribute) {
    const Rows rows = query(check_query, {oid_parameter(table.relation),
                                          text_parameter(std::string{conversion_check})});
    const auto found = rows.first<Oid, bool, Datum>();
    if (!found)
        return std::nullopt;
    const auto [constraint, is_valid, tree] = *found;
    ConversionCheck check{constraint, is_valid, std::nullopt};
    if (table.key_type)
        check.end = end_in(tree, attribute, *table.key_type);
    return check;
}

// Adds `lead` to a position of a key that tells time, up to the end of the calendar.
Position later(Position position, std::chrono::seconds lead) {
    return position >= Position{calendar_end - lead} ? Position{calendar_end}
                                                     : Position{position.time() + lead};
}

Position greatest_key(const Conversion& conversion, const Keys& keys) {
    return keys.greatest ? codec_of(conversion.managed).decode(*keys.greatest) : minus_infinity;
}

// Numbers get as many slots above the greatest key as times get above now. Allows for twice the
// growth seen so far, because growth may speed up.
Position end_of_numbers(const Conversion& conversion, const KeyCourse& course,
                        std::chrono::seconds lead) {
    const Parent& parent = conversion.managed.parent;
    const Grid& grid = parent.configuration.grid();
    Position reached = greatest_key(conversion, course.keys);
    if (reached == minus_infinity)
        reached = start_of_keys(parent);
    std::int64_t grown = 0;
    if (__builtin_add_overflow(reached.number(), course.growth.in(2 * lead), &grown))
        return plus_infinity;
    return slots_after(grid, slot_at(grid, Position{grown}).lower,
                       parent.configuration.pre_provisioned + 1);
}

std::chrono::seconds time_to_grow(const KeyGrowth& growth, Position from, Position to) {
    constexpr std::chrono::seconds longest = std::chrono::hours{24 * 365};
    if (from >= to)
        return std::chrono::seconds{0};
    const double numbers = static_cast<double>(to.number()) - static_cast<double>(from.number());
    return growth.rate() * static_cast<double>(longest.count()) <= numbers
               ? longest
               : std::chrono::seconds{static_cast<std::int64_t>(numbers / growth.rate())};
}

}  // namespace

std::string Conversion::sql_name() const {
    return identifier(schema_name()) + "." + identifier(name());
}

Conversion read_conversion(RelationId relation) {
    Conversion result{read_parents(relation).front(), false, false, false, false, false, {}};
    Parent& parent = result.managed.parent;
    Table& table = *parent.table;
    const std::string key = parent.configuration.partition_key.value_or("");
    const auto kind =
        query("SELECT relkind FROM pg_class WHERE oid = $1", {oid_parameter(relation)})
            .first_value<char>();
    if (!kind)
        throw PpmError{ERRCODE_UNDEFINED_TABLE,
                       "table " + in_quotes(result.qualified_name()) + " was dropped concurrently"};
    result.is_plain_table = kind == RELKIND_RELATION;
    result.is_partitioned = kind == RELKIND_PARTITIONED_TABLE;
    const auto column = query(column_query, {oid_parameter(relation), text_parameter(key)})
                            .first<Oid, std::string, bool, bool, bool, std::int16_t>();
    result.has_key = column.has_value();
    if (result.is_partitioned || !column)
        return result;
    const auto& [type, type_name, has_byte_order, is_nullable, is_generated, attribute] = *column;
    table.strategy = Strategy::range;
    table.has_plain_key = true;
    table.has_default_order = true;
    table.has_byte_order = has_byte_order;
    table.key_column = key;
    table.key_type = key_type_of(type);
    table.key_type_name = type_name;
    result.key_is_nullable = is_nullable;
    result.key_is_generated = is_generated;
    result.check = read_check(table, attribute);
    return result;
}

std::chrono::seconds time_to_validate(const Keys& keys) {
    return std::chrono::seconds{60 + static_cast<std::int64_t>(keys.blocks / blocks_in_a_second)};
}

Position end_after(const Conversion& conversion, const KeyCourse& course, const Clock& clock,
                   std::chrono::seconds lead) {
    if (key_of(conversion.managed.parent).counts())
        return end_of_numbers(conversion, course, lead);
    const Keys& keys = course.keys;
    const ManagedParent& managed = conversion.managed;
    const Configuration& configuration = managed.parent.configuration;
    const Grid& grid = configuration.grid();
    const Position by_time = window_at(clock.now(*managed.zone) + lead, codec_of(managed), grid,
                                       configuration.pre_provisioned, configuration.retention)
                                 .upper;
    const Position greatest = greatest_key(conversion, keys);
    if (greatest < Position{calendar_begin})
        return by_time;
    if (greatest >= Position{calendar_end})
        return plus_infinity;
    const Position slot = slot_at(grid, later(greatest, lead)).lower;
    return std::max(by_time, slots_after(grid, slot, configuration.pre_provisioned + 1));
}

std::chrono::seconds time_until_near(const Conversion& conversion, const KeyCourse& course,
                                     const Clock& clock, Position end) {
    const ManagedParent& managed = conversion.managed;
    const Position near = slots_after(managed.parent.configuration.grid(), end, -1);
    const Position greatest = greatest_key(conversion, course.keys);
    if (key_of(managed.parent).counts())
        return time_to_grow(course.growth, greatest, near);
    const Position now{managed.zone->civil(clock.now(*managed.zone))};
    const Position reached = std::max(now, greatest);
    return reached >= near ? std::chrono::seconds{0}
                           : std::chrono::floor<std::chrono::seconds>(near.time() - reached.time());
}

std::string until(const Grid& grid, Position end) {
    // As the second half of a piece's name.
    const std::string name = piece_name("", grid, {end, end});
    return "until_" + name.substr(name.rfind('_') + 1);
}

std::string old_name(const Conversion& conversion, Position end) {
    return conversion.name() + "_" + until(conversion.managed.parent.configuration.grid(), end);
}

std::string check_clause(const Conversion& conversion, Position end) {
    const ManagedParent& managed = conversion.managed;
    const KeyType type = *managed.parent.table->key_type;
    const std::string key = identifier(conversion.key());
    const std::string value = bound_literal(codec_of(managed).encode(end), type, *managed.zone);
    // A quoted number takes the column's type, whatever its size.
    return "CHECK (" + key + " IS NOT NULL AND " + key + " " +
           comparison_operator(*managed.parent.table, "<") + " " +
           (is_integer(type) ? "'" + value + "'" : value) + ")";
}

}  // namespace ppm
