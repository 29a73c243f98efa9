// The library's face to PostgreSQL.
#include "pg/bridge/guard.hpp"
#include "pg/bridge/settings.hpp"
#include "pg/schedule/launcher.hpp"
#include "pg/schedule/shared.hpp"

extern "C" {
PPM_MODULE_MAGIC;

void _PG_init(void);
}

void _PG_init(void) {
    ppm::boundary([] {
        ppm::call(ppm::define_settings);
        // During pg_upgrade nothing must be called.
        if (process_shared_preload_libraries_in_progress && IsPostmasterEnvironment &&
            !IsBinaryUpgrade)
            ppm::call([] {
                ppm::reserve_shared_schedule();
                ppm::register_launcher();
            });
    });
}
