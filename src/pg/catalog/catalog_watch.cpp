#include "pg/catalog/catalog_watch.hpp"

#include <algorithm>
#include <array>

#include "pg/bridge/guard.hpp"

namespace ppm {

namespace {

bool is_watching = false;
CatalogMoment last_moment = 0;
CatalogMoment all_changed = 0;

// When relations changed last. The callback must not allocate, so relations share places: one may
// look changed because another one was.
std::array<CatalogMoment, 4096> changed{};

CatalogMoment& change_of(Oid relation) {
    return changed[relation % changed.size()];
}

void note_change(Datum, Oid relation) {
    ++last_moment;
    if (OidIsValid(relation))
        change_of(relation) = last_moment;
    else
        all_changed = last_moment;
}

}  // namespace

CatalogMoment catalog_moment() {
    call([] {
        if (!is_watching)
            CacheRegisterRelcacheCallback(note_change, Datum{});
        is_watching = true;
        AcceptInvalidationMessages();
    });
    return last_moment;
}

bool are_unchanged_since(CatalogMoment moment, const std::vector<Oid>& relations) {
    call([] { AcceptInvalidationMessages(); });
    return all_changed <= moment && std::ranges::all_of(relations, [=](Oid relation) {
               return change_of(relation) <= moment;
           });
}

}  // namespace ppm
