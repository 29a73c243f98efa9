#include "pg/ddl/locks.hpp"

#include "core/deadline.hpp"
#include "core/text.hpp"
#include "pg/bridge/scope.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/bridge/spi.hpp"
#include "pg/catalog/references.hpp"
#include "pg/catalog/scan.hpp"
#include "pg/ddl/names.hpp"

namespace ppm {

namespace {

struct Lock {
    Oid relation;
    LOCKMODE mode;

    auto operator<=>(const Lock&) const = default;
};

// The relations, their partitions, and all partitions below them.
constexpr char tree_query[] =
    "WITH RECURSIVE tree AS (SELECT unnest($1) AS oid UNION SELECT i.inhrelid FROM tree "
    "JOIN pg_inherits i ON i.inhparent = tree.oid "
    "JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition) SELECT oid FROM tree";

// Tables that the relations' foreign keys refer to, if the keys are their parent's.
constexpr char inherited_query[] =
    "SELECT DISTINCT confrelid FROM pg_constraint c WHERE contype = 'f' AND conrelid = ANY ($1) "
    "AND conparentid <> 0 AND NOT EXISTS "
    "(SELECT FROM pg_constraint p WHERE p.oid = c.conparentid AND p.conrelid = c.conrelid)";

// The tables whose foreign keys refer to the relations. If a partitioned table refers to them, its
// partitions are left out: PostgreSQL uses the topmost table's key.
constexpr char referencing_query[] =
    "SELECT DISTINCT conrelid FROM pg_constraint c WHERE contype = 'f' AND confrelid = ANY ($1) "
    "AND NOT EXISTS "
    "(SELECT FROM pg_constraint p WHERE p.oid = c.conparentid AND p.confrelid = c.confrelid)";

// The same for keys that refer to a partition because they refer to its parent.
constexpr char referencing_by_parent_query[] =
    "SELECT DISTINCT c.conrelid FROM pg_constraint c JOIN pg_constraint p ON p.oid = c.conparentid "
    "WHERE c.contype = 'f' AND c.confrelid = ANY ($1) AND p.confrelid <> c.confrelid";

std::vector<Oid> relations(const char* sql, const std::vector<Oid>& of) {
    if (of.empty())
        return {};
    return query(sql, {oid_array_parameter(of)}).values<Oid>();
}

// The relations and all partitions below them.
std::vector<Oid> trees(const std::vector<Oid>& of) {
    const bool are_partitioned = call([&] {
        return std::ranges::any_of(
            of, [](Oid each) { return get_rel_relkind(each) == RELKIND_PARTITIONED_TABLE; });
    });
    return are_partitioned ? relations(tree_query, of) : of;
}

// The OIDs that find(table, list) adds to a list, for all of the tables. find() may ereport.
template <typename Find>
std::vector<Oid> found_for_each(const std::vector<Oid>& tables, Find find) {
    const List* const found = call([&] {
        List* list = NIL;
        for (const Oid table : tables)
            find(table, &list);
        return list;
    });
    std::vector<Oid> result;
    result.reserve(static_cast<std::size_t>(list_length(found)));
    for (int i = 0; i < list_length(found); ++i)
        result.push_back(list_nth_oid(found, i));
    return result;
}

// The tables that the foreign keys of these tables refer to; for a partitioned one each partition,
// too.
std::vector<Oid> referenced_from(const std::vector<Oid>& tables) {
    return found_for_each(possibly_referring(tables), [](Oid table, List** referenced) {
        each_row(ConstraintRelationId, ConstraintRelidTypidNameIndexId, Anum_pg_constraint_conrelid,
                 table, [&](HeapTuple tuple) {
                     const auto* const key = reinterpret_cast<Form_pg_constraint>(GETSTRUCT(tuple));
                     if (key->contype == CONSTRAINT_FOREIGN)
                         *referenced = list_append_unique_oid(*referenced, key->confrelid);
                 });
    });
}

// The tables that constraint triggers of these tables name after FROM. ATTACH PARTITION locks them
// when it copies the triggers (CreateTrigger() in trigger.c).
std::vector<Oid> named_by_triggers(const std::vector<Oid>& tables) {
    return found_for_each(tables, [](Oid table, List** named) {
        each_row(TriggerRelationId, TriggerRelidNameIndexId, Anum_pg_trigger_tgrelid, table,
                 [&](HeapTuple tuple) {
                     const auto* const trigger =
                         reinterpret_cast<Form_pg_trigger>(GETSTRUCT(tuple));
                     if (!trigger->tgisinternal && OidIsValid(trigger->tgconstrrelid))
                         *named = list_append_unique_oid(*named, trigger->tgconstrrelid);
                 });
    });
}

class Locks {
  public:
    void add(LOCKMODE mode, const std::vector<Oid>& each) {
        for (const Oid relation : each)
            if (OidIsValid(relation))
                locks_.insert({relation, mode});
    }

    // The same order in every call.
    std::vector<Lock> list() const { return {locks_.begin(), locks_.end()}; }

  private:
    std::set<Lock> locks_;
};

std::vector<Lock> swap_locks_of(const SwappedTables& swapped) {
    const Oid parent = swapped.parent;
    std::vector<Oid> tables = swapped.leave;
    std::ranges::copy(swapped.come, std::back_inserter(tables));
    Locks locks;
    locks.add(AccessShareLock, named_by_triggers({parent, swapped.model}));
    locks.add(AccessExclusiveLock, {parent});
    locks.add(AccessExclusiveLock, tables);
    locks.add(AccessExclusiveLock, {call([=] { return get_default_partition_oid(parent); })});
    // ATTACH removes a standalone table's triggers on these tables, DETACH creates some.
    std::vector<Oid> referring = tables;
    referring.push_back(parent);
    locks.add(AccessExclusiveLock, trees(referenced_from(referring)));
    return locks.list();
}

// What the statement locks, according to src/backend/commands/tablecmds.c of PostgreSQL 14 to 19.
std::vector<Lock> locks_of(Statement statement, Oid parent, Oid partition) {
    Locks locks;
    const std::vector<Oid> parents{parent};
    const std::vector<Oid> partitions{partition};
    const std::vector<Oid> tree = trees(partitions);
    const bool detaches = statement == Statement::detach || statement == Statement::begin_detach ||
                          statement == Statement::finish_detach;
    const bool attaches = statement == Statement::attach || statement == Statement::attach_new ||
                          statement == Statement::attach_filled;
    const bool excludes_readers =
        statement == Statement::detach || statement == Statement::attach_filled;

    // ATPrepCmd(), AlterTableGetLockLevel()
    locks.add(excludes_readers ? AccessExclusiveLock : ShareUpdateExclusiveLock, parents);
    locks.add(statement == Statement::begin_detach ? ShareUpdateExclusiveLock : AccessExclusiveLock,
              tree);
    if (attaches || statement == Statement::detach) {
        // QueuePartitionConstraintValidation() goes down to the leaves.
        const Oid by_default = call([=] { return get_default_partition_oid(parent); });
        locks.add(AccessExclusiveLock, trees({by_default}));
    }
    if (attaches) {
        // CloneFkReferencing(), CloneFkReferenced()
        locks.add(ShareRowExclusiveLock, trees(referenced_from(parents)));
        locks.add(ShareRowExclusiveLock,
                  relations(referencing_query, possibly_referenced(parents)));
        locks.add(AccessShareLock, named_by_triggers(parents));
    }
    // RemoveTriggerById(): a standalone table has triggers on the tables that it refers to.
    if (statement == Statement::attach || statement == Statement::drop)
        locks.add(AccessExclusiveLock, referenced_from(tree));
    if (detaches) {
        // ATDetachCheckNoForeignKeyRefs(), and then RemoveConstraintById(); the check reads.
        const std::vector<Oid> referencing =
            relations(referencing_by_parent_query, possibly_referenced(partitions));
        // (Before the check ppm looks at their indexes; a ShareLock would not keep these as they
        // are.)
        locks.add(
            statement == Statement::begin_detach ? ShareRowExclusiveLock : AccessExclusiveLock,
            referencing);
        if (statement != Statement::finish_detach)
            // (require_harmless_references() keeps them as they are, too.)
            locks.add(ShareUpdateExclusiveLock, trees(referencing));
    }
    // DetachPartitionFinalize() creates the triggers that attach and drop remove.
    if (statement == Statement::detach || statement == Statement::finish_detach)
        locks.add(ShareRowExclusiveLock,
                  trees(relations(inherited_query, possibly_referring(partitions))));
    return locks.list();
}

// Whether readers or writers of anything but the partition have to wait for these locks.
bool are_of_others(const std::vector<Lock>& locks, Oid partition) {
    return std::ranges::any_of(locks, [=](const Lock& each) {
        return each.relation != partition && each.mode > ShareUpdateExclusiveLock;
    });
}

void release(const std::vector<Lock>& locks) {
    call([&] {
        for (const auto& [relation, mode] : locks)
            UnlockRelationOid(relation, mode);
    });
}

// Takes all locks without waiting, except the one that is held already. If a lock is not free,
// releases all of them and returns which one it is.
std::optional<std::size_t> take_others(const std::vector<Lock>& locks, std::size_t had) {
    return call([&]() -> std::optional<std::size_t> {
        for (std::size_t i = 0; i < locks.size(); ++i) {
            if (i == had || ConditionalLockRelationOid(locks[i].relation, locks[i].mode))
                continue;
            for (std::size_t taken = 0; taken < locks.size(); ++taken)
                if (taken < i || taken == had)
                    UnlockRelationOid(locks[taken].relation, locks[taken].mode);
            return i;
        }
        return std::nullopt;
    });
}

std::string name_of(Oid relation) {
    return call([=] {
        const char* const name = get_rel_name(relation);
        const char* const schema = get_namespace_name(get_rel_namespace(relation));
        return name == nullptr || schema == nullptr ? psprintf("%u", relation)
                                                    : psprintf("%s.%s", schema, name);
    });
}

// All locks of one statement, and the deadline of waiting for them.
class LockWait {
  public:
    LockWait(Oid parent, Oid partition, int wait)
        : parent_{parent}, partition_{partition}, deadline_{std::chrono::milliseconds{wait}} {}

    // Waits for each of these relations no longer than that.
    void limit(const std::vector<Oid>& relations, int milliseconds) {
        limited_ = {relations.begin(), relations.end()};
        limit_ = milliseconds;
    }

    bool is_over() const { return deadline_.has_passed(); }

    // Locks the names of the schemas, so that later lookups of names do not wait. This blocks
    // nobody who uses the tables.
    void lock_names_of(const std::vector<Lock>& locks) const {
        std::vector<Oid> relations(locks.size());
        std::ranges::transform(locks, relations.begin(), &Lock::relation);
        wait([&] { lock_schema_names(relations); });
    }

    // Waits for one lock at a time, the parent's first, and holds none of the others meanwhile.
    void take(const std::vector<Lock>& locks) const {
        const auto first = std::ranges::find(locks, parent_, &Lock::relation);
        std::optional awaited{
            first == locks.end() ? 0 : static_cast<std::size_t>(first - locks.begin())};
        while (awaited) {
            const std::size_t had = *awaited;
            wait_for(locks[had]);
            awaited = take_others(locks, had);
        }
    }

  private:
    // Runs body(), which waits for a lock.
    template <typename Body>
    void wait(Body body, int most = INT_MAX) const {
        const int milliseconds = std::clamp(deadline_.left(), 1, most);
        LocalSettings settings;
        settings.set("lock_timeout", std::to_string(milliseconds).c_str());
        settings.set_as_superuser("deadlock_timeout",
                                  std::to_string(deadlock_timeout_for(milliseconds)).c_str());
        body();
    }

    void wait_for(const Lock& lock) const {
        try {
            wait([&] { call([&] { LockRelationOid(lock.relation, lock.mode); }); },
                 limited_.contains(lock.relation) ? limit_ : INT_MAX);
        } catch (const Error& error) {
            if (error.sqlstate() != ERRCODE_LOCK_NOT_AVAILABLE || lock.relation == parent_ ||
                lock.relation == partition_)
                throw;
            throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE, error.message(),
                           "Table " + in_quotes(name_of(lock.relation)) +
                               " could not be locked within ppm.lock_timeout."};
        }
    }

    Oid parent_;
    Oid partition_;
    Deadline deadline_;
    std::set<Oid> limited_ = {};
    int limit_ = INT_MAX;
};

// Takes the locks that `needed` lists and returns them, once `needed` lists no others under these
// locks.
template <typename Needed>
std::vector<Lock> take_all(const LockWait& waiting, bool with_names, Needed needed) {
    std::vector<Lock> locks = needed();
    while (true) {
        if (with_names)
            waiting.lock_names_of(locks);
        waiting.take(locks);
        // Foreign keys may have been added before the tables were locked.
        std::vector<Lock> now = needed();
        if (std::ranges::includes(locks, now))
            return locks;
        release(locks);
        if (waiting.is_over())
            throw PpmError{ERRCODE_LOCK_NOT_AVAILABLE,
                           "foreign keys were changed while their tables were being locked"};
        locks = std::move(now);
    }
}

// One of the sessions that wait, directly or through others, for this transaction: one that holds a
// lock which blocks our lock on one of $1, or on one of $2 (SHARE ROW EXCLUSIVE).
constexpr char waiter_query[] =
    "WITH RECURSIVE waiting AS MATERIALIZED "
    "(SELECT DISTINCT pid, pg_blocking_pids(pid) AS blockers FROM pg_locks WHERE NOT granted), "
    "behind AS (SELECT pg_backend_pid() AS pid UNION "
    "SELECT w.pid FROM behind b JOIN waiting w ON b.pid = ANY (w.blockers)) "
    "SELECT l.pid, l.relation FROM behind b JOIN pg_locks l USING (pid) "
    "WHERE l.pid <> pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND l.database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND (l.relation = ANY ($1) OR l.relation = ANY ($2) "
    "AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')) LIMIT 1";

// Waiting for that lock would be a deadlock from the beginning. A session that has waited for long
// might detect it first, and its statement would fail.
void require_no_deadlock(const std::vector<Lock>& locks) {
    if (locks.size() < 2)
        return;
    std::vector<Oid> against_all;
    std::vector<Oid> against_writers;
    for (const auto& [relation, mode] : locks)
        (mode == AccessExclusiveLock ? against_all : against_writers).push_back(relation);
    const auto found = query(waiter_query, {oid_array_parameter(against_all),
                                            oid_array_parameter(against_writers)})
                           .first<std::int32_t, Oid>();
    if (found)
        throw PpmError{ERRCODE_T_R_DEADLOCK_DETECTED,
                       "process " + std::to_string(std::get<0>(*found)) +
                           " waits for this transaction and has table " +
                           in_quotes(name_of(std::get<1>(*found))) + " locked",
                       {},
                       "Transactions that read one table, and then write to another, are in the "
                       "way. Call the procedure when there are fewer of them."};
}

}  // namespace

bool locks_others(Statement statement, Oid parent, Oid partition) {
    return are_of_others(locks_of(statement, parent, partition), partition);
}

bool lock_together(Statement statement, Oid parent, Oid partition, int wait) {
    // Nobody can have waited for long for a lock of this transaction, unless it has read a table.
    if (statement == Statement::attach_filled || statement == Statement::drop)
        require_no_deadlock(locks_of(statement, parent, partition));
    const std::vector<Lock> locks =
        take_all(LockWait{parent, partition, wait}, statement != Statement::finish_detach,
                 [=] { return locks_of(statement, parent, partition); });
    return are_of_others(locks, partition);
}

void lock_together(const std::function<Relations()>& relations, int wait) {
    take_all(LockWait{relations().altered.front(), InvalidOid, wait}, true, [&] {
        const Relations each = relations();
        Locks locks;
        locks.add(AccessExclusiveLock, trees(each.altered));
        locks.add(AccessShareLock, each.read);
        return locks.list();
    });
}

bool drop_locks_nothing_else(Oid table) {
    return call([=] { return get_rel_relkind(table); }) == RELKIND_RELATION &&
           referenced_from({table}).empty();
}

void lock_all(const std::vector<Oid>& relations, LOCKMODE mode, int wait) {
    take_all(LockWait{InvalidOid, InvalidOid, wait}, true, [&] {
        Locks locks;
        locks.add(mode, relations);
        return locks.list();
    });
}

void lock_to_swap(const SwappedTables& swapped, int wait, int wait_for_new) {
    LockWait waiting{swapped.parent, InvalidOid, wait};
    waiting.limit(swapped.come, wait_for_new);
    take_all(waiting, true, [&] { return swap_locks_of(swapped); });
}

}  // namespace ppm
