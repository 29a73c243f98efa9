#include "pg/schedule/shared.hpp"

namespace ppm {

namespace {

SharedSchedule* shared = nullptr;
shmem_startup_hook_type next_hook = nullptr;

void on_startup() {
    if (next_hook != nullptr)
        next_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    void* const memory = ShmemInitStruct("ppm schedule", sizeof(SharedSchedule), &found);
    shared = found ? static_cast<SharedSchedule*>(memory) : new (memory) SharedSchedule{};
    LWLockRelease(AddinShmemInitLock);
}

template <std::size_t size>
void copy_text(char (&to)[size], const char* from) {
    if (from == nullptr)
        from = "";
    const auto length = static_cast<int>(std::min<std::size_t>(strlen(from), INT_MAX));
    const int kept = pg_mbcliplen(from, length, static_cast<int>(size) - 1);
    memcpy(to, from, static_cast<std::size_t>(kept));
    to[kept] = '\0';
}

}  // namespace

void set_text(Complaint& complaint, int sqlstate, const char* message, const char* detail,
              const char* hint) {
    complaint.sqlstate = sqlstate;
    copy_text(complaint.message, message);
    copy_text(complaint.detail, detail);
    copy_text(complaint.hint, hint);
}

void reserve_shared_schedule() {
    reserve_shared_memory<sizeof(SharedSchedule)>();
    next_hook = shmem_startup_hook;
    shmem_startup_hook = on_startup;
}

SharedSchedule* shared_schedule() {
    return shared;
}

void publish(const std::map<Oid, TimestampTz>& times) {
    std::map<Oid, TimestampTz> left = times;
    for (SharedSchedule::Time& time : shared->times) {
        const auto known = left.find(time.database);
        if (known == left.end()) {
            time.database = InvalidOid;
            continue;
        }
        time.at = known->second;
        left.erase(known);
    }
    for (SharedSchedule::Time& time : shared->times)
        if (time.database == InvalidOid && !left.empty()) {
            time.at = left.begin()->second;
            time.database = left.begin()->first;
            left.erase(left.begin());
        }
}

std::optional<TimestampTz> scheduled_at() {
    if (shared == nullptr)
        return std::nullopt;
    for (const SharedSchedule::Time& time : shared->times)
        if (time.database == MyDatabaseId) {
            const TimestampTz at = time.at;
            // The entry may have become another database's meanwhile.
            if (time.database == MyDatabaseId)
                return at;
        }
    return std::nullopt;
}

}  // namespace ppm
