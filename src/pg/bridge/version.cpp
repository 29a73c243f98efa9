#include "core/version.hpp"

#include "pg/bridge/version.hpp"

#include "pg/schedule/shared.hpp"

namespace ppm {

namespace {

constexpr std::string_view library_version = PPM_VERSION;

// The version of the extension in this database, in PostgreSQL's memory; null if the extension does
// not exist: functions of the library can be created without it. PostgreSQL has no function for
// this (extension.c reads the column where it needs it). May ereport.
const char* extension_version() {
    const Relation extensions = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyData key;
    ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber, F_NAMEEQ,
                CStringGetDatum("ppm"));
    const SysScanDesc scan =
        systable_beginscan(extensions, ExtensionNameIndexId, true, nullptr, 1, &key);
    const char* version = nullptr;
    const HeapTuple tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        bool is_null = false;
        const Datum value = heap_getattr(tuple, Anum_pg_extension_extversion,
                                         RelationGetDescr(extensions), &is_null);
        version = is_null ? nullptr : TextDatumGetCString(value);
    }
    systable_endscan(scan);
    table_close(extensions, AccessShareLock);
    return version;
}

}  // namespace

void require_version() {
    const char* const found = call(extension_version);
    if (found == nullptr || !is_newer(found, library_version))
        return;
    const std::string version{found};
    const std::string library{library_version};
    const bool is_preloaded = shared_schedule() != nullptr;
    throw PpmError{ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
                   "extension \"ppm\" is newer than its library",
                   "The extension in this database is of version " + version +
                       ", the library that this session has loaded of version " + library + ".",
                   "Install version " + version + " or newer, and " +
                       (is_preloaded ? "restart the server: ppm is in shared_preload_libraries."
                                     : "open a new session.")};
}

// FNV-1a.
uint64 library_fingerprint() {
    uint64 hash = UINT64CONST(0xcbf29ce484222325);
    for (const char each : library_version)
        hash = (hash ^ static_cast<unsigned char>(each)) * UINT64CONST(0x100000001b3);
    return hash;
}

}  // namespace ppm
