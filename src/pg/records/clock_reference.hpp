// When the clock was last known to be right: after a jump of the clock, nothing is removed.
//
// That is when the table's last cleanup ended (ppm.last_run.at), or when somebody confirmed the
// clock after that. A refused cleanup does not change it.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Sets each parent's reference. Needs an SpiConnection and a pinned search_path.
void read_clock_references(std::vector<ManagedParent>& parents);

// Confirms, for this table, that the clock is right now. Any role that may write the table's
// configuration may do so.
void confirm_clock(const TableName& table);

}  // namespace ppm
