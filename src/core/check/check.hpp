// What is wrong with a parent's partitions: what the plan would mend, what it cannot, and what only
// somebody who knows the data can decide.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/check/anomaly.hpp"
#include "core/plan/planner.hpp"

namespace ppm {

// How the last attempt on a partition failed.
struct LastFailure {
    std::string message;  // empty: it did not fail
    bool passes = false;  // the reason may be gone by itself, e.g. a lock
};

// Questions that only the database can answer, asked only if they matter. They may throw what their
// sources throw.
struct Inquiries {
    // A name as SQL writes it.
    std::function<std::string(const std::string& name)> identifier;
    // Whether a relation or a type of that name exists in that schema.
    std::function<bool(const std::string& schema_name, const std::string& name)> relation_exists;
    // For each of the ranges, whether the default partition has rows of it.
    std::function<std::vector<bool>(const std::vector<BoundRange>& ranges)> default_has_rows;
    // Whether foreign keys refer to the table: then its rows cannot be moved.
    std::function<bool()> is_referred_to;
    // Why the last attempt to create, attach or remove the partition of that name failed.
    std::function<LastFailure(const std::string& name)> last_failure;
};

// The statement that gives the table its index. `identifier` writes a name as SQL does.
std::string create_index(const UnindexedReference& reference,
                         const std::function<std::string(const std::string&)>& identifier);

// Reads `plan`, which was made for this parent and these windows.
std::vector<Anomaly> check(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                           const Plan& plan, const Inquiries& inquiries);

}  // namespace ppm
