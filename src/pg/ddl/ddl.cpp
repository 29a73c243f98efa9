#include "pg/ddl/ddl.hpp"

#include "core/plan/capabilities.hpp"
#include "pg/bridge/guard.hpp"
#include "pg/bridge/role_path.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/catalog/rows.hpp"
#include "pg/ddl/inherited_properties.hpp"
#include "pg/ddl/template.hpp"

namespace ppm {

namespace {

std::string qualified_identifier(const std::string& schema_name, const std::string& name) {
    return identifier(schema_name) + "." + identifier(name);
}

std::string parent_identifier(const Parent& parent) {
    return qualified_identifier(parent.configuration.schema_name, parent.configuration.table_name);
}

std::string partition_identifier(const Partition& partition) {
    return qualified_identifier(partition.schema_name, partition.name);
}

std::string literal(const ManagedParent& managed, Bound bound) {
    return bound_literal(bound, *managed.parent.table->key_type, *managed.zone);
}

std::string compared(const ManagedParent& managed, const char* with, Bound bound) {
    const Table& table = *managed.parent.table;
    return identifier(table.key_column) + " " + comparison_operator(table, with) + " " +
           literal(managed, bound);
}

}  // namespace

std::string comparison_operator(const Table& table, const char* name) {
    std::string path = search_path_of(table.owner);
    // (The text of the setting may be in any case.)
    std::ranges::transform(path, path.begin(),
                           [](unsigned char each) { return pg_ascii_tolower(each); });
    const bool may_differ =
        is_text(*table.key_type) || path.find("pg_catalog") != std::string::npos;
    return may_differ ? std::string{"OPERATOR(pg_catalog."} + name + ")" : name;
}

std::string below(const ManagedParent& managed, Bound bound) {
    return compared(managed, "<", bound);
}

std::string at_or_above(const ManagedParent& managed, Bound bound) {
    return compared(managed, ">=", bound);
}

std::string identifier(const std::string& name) {
    return call([&name] { return quote_identifier(name.c_str()); });
}

std::string literal(const std::string& text) {
    return call([&text] { return quote_literal_cstr(text.c_str()); });
}

std::vector<std::string> statements_for(const ManagedParent& managed,
                                        const CreatePartition& create) {
    const std::string& schema_name = managed.parent.configuration.schema_name;
    const std::string partition = qualified_identifier(schema_name, create.name);
    const auto from_template = template_of(managed.parent);
    const TemplateClauses clauses =
        from_template ? template_clauses(managed.parent, *from_template) : TemplateClauses{};
    const std::vector<std::string> statistics =
        statistics_statements(managed.parent, schema_name, create.name);
    std::vector<std::string> statements{
        std::string{"CREATE "} + (clauses.is_unlogged ? "UNLOGGED " : "") + "TABLE " + partition +
        " (LIKE " + parent_identifier(managed.parent) + " INCLUDING ALL EXCLUDING IDENTITY" +
        (capabilities_of(managed.parent).copies_indexes ? "" : " EXCLUDING INDEXES") +
        (statistics.empty() ? ")" : " EXCLUDING STATISTICS)") +
        (clauses.is_partitioned()
             ? clauses.partition_by + clauses.tablespace
             : storage_clauses(managed.parent, clauses.storage_options, clauses.tablespace))};
    std::ranges::copy(statistics, std::back_inserter(statements));
    std::ranges::move(property_statements(managed.parent, partition),
                      std::back_inserter(statements));
    return statements;
}

std::string attach_statement(const ManagedParent& managed, const std::string& schema_name,
                             const std::string& name, const BoundRange& bounds) {
    return "ALTER TABLE " + parent_identifier(managed.parent) + " ATTACH PARTITION " +
           qualified_identifier(schema_name, name) + " FOR VALUES FROM (" +
           literal(managed, bounds.lower) + ") TO (" + literal(managed, bounds.upper) + ")";
}

std::string bounds_condition(const ManagedParent& managed, const BoundRange& bounds) {
    std::string condition = identifier(managed.parent.table->key_column) + " IS NOT NULL";
    if (bounds.lower.kind() == Bound::Kind::value)
        condition += " AND " + at_or_above(managed, bounds.lower);
    if (bounds.upper.kind() == Bound::Kind::value)
        condition += " AND " + below(managed, bounds.upper);
    return condition;
}

std::string fence_statement(const ManagedParent& managed, const Partition& partition) {
    return "ALTER TABLE " + partition_identifier(partition) + " ADD CHECK (" +
           bounds_condition(managed, partition.bounds) + ") NOT VALID";
}

std::string close_statement(const Partition& partition) {
    return "ALTER TABLE " + partition_identifier(partition) + " ADD CONSTRAINT " + closed_to_rows +
           " CHECK (false) NOT VALID";
}

std::string open_statement(const Partition& partition) {
    return "ALTER TABLE " + partition_identifier(partition) + " DROP CONSTRAINT IF EXISTS " +
           closed_to_rows;
}

std::string detach_statement(const Parent& parent, const Partition& partition, Detach how) {
    return "ALTER TABLE " + parent_identifier(parent) + " DETACH PARTITION " +
           partition_identifier(partition) +
           (how == Detach::plain          ? ""
            : how == Detach::concurrently ? " CONCURRENTLY"
                                          : " FINALIZE");
}

std::string drop_statement(const Partition& partition) {
    const char kind = call([&] { return get_rel_relkind(partition.relation); });
    // (Up to PostgreSQL 15, an empty table can become a view.)
    return (kind == RELKIND_FOREIGN_TABLE ? "DROP FOREIGN TABLE "
            : kind == RELKIND_VIEW        ? "DROP VIEW "
                                          : "DROP TABLE ") +
           partition_identifier(partition);
}

std::vector<std::string> statements_for(const ManagedParent& managed, const Action& action) {
    if (const auto* const create = std::get_if<CreatePartition>(&action)) {
        const std::string& schema_name = managed.parent.configuration.schema_name;
        std::vector<std::string> statements = statements_for(managed, *create);
        if (const auto from_template = template_of(managed.parent)) {
            for (const SubPartition& each :
                 sub_partitions(managed.parent, *from_template, create->name))
                statements.push_back(each.statement);
            std::ranges::move(template_statements(managed.parent, *from_template, std::nullopt,
                                                  qualified_identifier(schema_name, create->name)),
                              std::back_inserter(statements));
        }
        std::ranges::move(policy_statements(managed.parent, schema_name, create->name),
                          std::back_inserter(statements));
        statements.push_back(attach_statement(managed, schema_name, create->name, create->bounds));
        if (auto last = replica_identity_statement(managed.parent, schema_name, create->name))
            statements.push_back(*std::move(last));
        return statements;
    }
    const Capabilities capabilities = capabilities_of(managed.parent);
    if (const auto* const attach = std::get_if<AttachPartition>(&action)) {
        std::vector<std::string> statements;
        if (!capabilities.tells_row_age)
            statements.push_back(open_statement(attach->partition));
        statements.push_back(attach_statement(managed, attach->partition.schema_name,
                                              attach->partition.name, attach->partition.bounds));
        return statements;
    }
    if (const auto* const finalize = std::get_if<FinalizeDetach>(&action))
        return {detach_statement(managed.parent, finalize->partition, Detach::finalize)};
    if (const auto* const detach = std::get_if<DetachPartition>(&action)) {
        if (detach->concurrently)
            return {detach_statement(managed.parent, detach->partition, Detach::concurrently)};
        std::vector<std::string> statements{
            detach_statement(managed.parent, detach->partition, Detach::plain)};
        const bool to_drop =
            policy_for(managed.parent.configuration, detach->partition) == CleanupPolicy::drop;
        // On shards the constraint comes last: writers lock the parent's shard first.
        if (to_drop && capabilities.tells_row_age)
            statements.insert(statements.begin(), fence_statement(managed, detach->partition));
        else if (to_drop)
            statements.push_back(close_statement(detach->partition));
        return statements;
    }
    if (const auto* const drop = std::get_if<DropPartition>(&action))
        return {drop_statement(drop->partition)};
    return {};
}

}  // namespace ppm
