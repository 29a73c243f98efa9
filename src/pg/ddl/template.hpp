// What a partition gets from the template and not from its parent.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// How the table itself is created.
struct TemplateClauses {
    bool is_unlogged = false;
    std::string partition_by;                  // ` PARTITION BY ...`, where it is partitioned
    std::vector<std::string> storage_options;  // as partition_options are
    std::string tablespace;                    // ` TABLESPACE ...`, or empty

    bool is_partitioned() const { return !partition_by.empty(); }
};

// `relation` is the parent's template, or a table below it.
TemplateClauses template_clauses(const Parent& parent, RelationId relation);

// A partition below the one that is created.
struct SubPartition {
    std::string name;
    std::string statement;
    bool is_partitioned;
};

// All below the partition of that name, in the order of their creation.
std::vector<SubPartition> sub_partitions(const Parent& parent, RelationId from_template,
                                         const std::string& partition);

enum class TemplatePart { everything, indexes, triggers };

// The statements that give the partition the template's indexes, keys and triggers. `name` is the
// partition's name as SQL writes it. Without `partition`, it is about to be created.
std::vector<std::string> template_statements(const Parent& parent, RelationId from_template,
                                             std::optional<RelationId> partition,
                                             const std::string& name,
                                             TemplatePart part = TemplatePart::everything);

// Finds how the parent's partitions differ from its template.
void read_template_differences(Parent& parent);

// The template, if there is one without a problem.
std::optional<RelationId> template_of(const Parent& parent);

}  // namespace ppm
