// The library's face to PostgreSQL.
#include "pg/bridge/guard.hpp"
#include "pg/bridge/settings.hpp"

extern "C" {
PPM_MODULE_MAGIC;

void _PG_init(void);
}

void _PG_init(void) {
    ppm::boundary([] { ppm::call(ppm::define_settings); });
}
