// ppm's own SQLSTATEs: what a call ends in.
#pragma once

#include "pg/bridge/postgres.hpp"

namespace ppm {

inline constexpr int errcode_invalid_configuration = MAKE_SQLSTATE('P', 'M', '0', '0', '1');
inline constexpr int errcode_provisioning_failed = MAKE_SQLSTATE('P', 'M', '0', '0', '4');
inline constexpr int errcode_check_failed = MAKE_SQLSTATE('P', 'M', '0', '0', '5');
inline constexpr int errcode_cleanup_failed = MAKE_SQLSTATE('P', 'M', '0', '0', '6');
inline constexpr int errcode_invalid_work_date = MAKE_SQLSTATE('P', 'M', '0', '0', '7');
inline constexpr int errcode_clock_jump = MAKE_SQLSTATE('P', 'M', '0', '0', '8');

}  // namespace ppm
