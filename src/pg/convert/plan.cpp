#include "pg/run/plan.hpp"
#include "core/text.hpp"
#include "pg/catalog/partition_bound.hpp"
#include "pg/convert/convert.hpp"
#include "pg/convert/obstacles.hpp"
#include "pg/convert/swap.hpp"
#include "pg/ddl/ddl.hpp"

namespace ppm {

namespace {

class ConversionPlanner {
  public:
    explicit ConversionPlanner(RelationId relation) : conversion_{read_conversion(relation)} {}

    std::vector<PlannedStep> plan() {
        if (conversion_.is_partitioned)
            return {};
        indexes_ = narrow_indexes(conversion_);
        auto obstacles = obstacles_to(conversion_, indexes_, false);
        if (obstacles_to(conversion_, indexes_, true).empty())
            plan_steps(obstacles);
        for (const auto& [what, mend] : obstacles)
            steps_.push_back({std::nullopt, "obstacle", {}, {}, what, mend});
        return std::move(steps_);
    }

  private:
    void plan_steps(std::vector<Finding>& obstacles) {
        const KeyCodec codec = codec_of(conversion_.managed);
        const Clock clock;
        Keys& keys = course_.keys;
        keys = keys_of(conversion_.relation(), conversion_.key(), codec,
                       std::chrono::milliseconds{statement_timeout()});
        end_ = conversion_.check && conversion_.check->end
                   ? codec.decode(*conversion_.check->end)
                   : end_after(conversion_, course_, clock, time_to_validate(keys));
        if (auto found = obstacles_in_keys(conversion_, keys, end_); !found.empty()) {
            std::ranges::move(found, std::back_inserter(obstacles));
            return;
        }
        plan_indexes();
        plan_check();
        plan_swap();
        for (const auto& [what, mend] : warnings_of(conversion_, indexes_))
            steps_.push_back({std::nullopt, "warning", {}, {}, what, mend});
        if (!keys.are_known)
            steps_.push_back(
                {std::nullopt,
                 "warning",
                 {},
                 {},
                 "The greatest key is not known: no index begins with the key, and the "
                 "table is too large to be read for that, or is locked.",
                 "If there are NULLs, or keys at or above " +
                     codec_of(conversion_.managed).text(end_) +
                     ", the validate step finds them, and the constraint is dropped again."});
    }

    void add(const char* action, std::string statement, const char* lock, std::string detail) {
        steps_.push_back(
            {++number_, action, std::move(statement), lock, std::move(detail), std::string{}});
    }

    void plan_indexes() {
        for (const NarrowIndex& index : indexes_)
            if (!index.is_ready)
                add("build_index",
                    build_statement(InvalidOid, index.index, conversion_.key(), index.built_name) +
                        ";",
                    "SHARE UPDATE EXCLUSIVE",
                    "This needs extend_unique. It reads all the rows, and waits for all older "
                    "transactions; readers and writers go on.");
    }

    void plan_check() {
        const std::string alter = "ALTER TABLE " + conversion_.sql_name();
        const std::string bound =
            bound_text(codec_of(conversion_.managed).encode(end_),
                       *conversion_.managed.parent.table->key_type, *conversion_.managed.zone);
        if (!conversion_.check || !conversion_.check->end)
            add("bind",
                alter + " ADD CONSTRAINT " + conversion_check + " " +
                    check_clause(conversion_, end_) + " NOT VALID;",
                "ACCESS EXCLUSIVE, for a moment",
                "From this step to the end of the conversion, an INSERT or UPDATE fails if the key "
                "is NULL, or at or above " +
                    bound + "." +
                    (key_of(conversion_.managed.parent).counts()
                         ? " If keys grow fast, ppm.convert() chooses a higher limit."
                         : ""));
        if (!conversion_.check || !conversion_.check->is_valid)
            add("validate", alter + " VALIDATE CONSTRAINT " + conversion_check + ";",
                "SHARE UPDATE EXCLUSIVE",
                "It reads all the rows once, about " +
                    std::to_string(course_.keys.blocks * BLCKSZ / 1024 / 1024) +
                    " MB; readers and writers go on.");
    }

    void plan_swap() {
        std::string statements;
        const auto append = [&](const std::string& statement) {
            statements += (statements.empty() ? "" : "\n") + statement + ";";
        };
        std::ranges::for_each(preparation_of(conversion_, indexes_), append);
        const Properties properties =
            properties_of(conversion_.managed.parent,
                          until(conversion_.managed.parent.configuration.grid(), end_), indexes_);
        for (const RoleStatement& each : script_of(conversion_, properties, end_))
            append(each.sql);
        append("-- and the privileges of the table, its columns and its identities, as they are");
        add("swap", std::move(statements),
            "ACCESS EXCLUSIVE, for a moment, also on the tables that its foreign keys refer to, "
            "its sequences and views; all of them together, for ppm.lock_timeout at most",
            "It is one transaction, which changes only the catalog, and no row. The table is "
            "partition " +
                in_quotes(old_name(conversion_, end_)) + " from then on.");
        add("provision", "CALL ppm.provision(" + literal(conversion_.sql_name()) + ");",
            "SHARE UPDATE EXCLUSIVE",
            "It creates the partitions of the window that come after the old table.");
    }

    Conversion conversion_;
    std::vector<NarrowIndex> indexes_;
    KeyCourse course_;
    Position end_{};
    int number_ = 0;
    std::vector<PlannedStep> steps_;
};

}  // namespace

std::vector<PlannedStep> plan_conversion(RelationId relation) {
    return ConversionPlanner{relation}.plan();
}

}  // namespace ppm
