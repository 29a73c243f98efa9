// When the clock was last known to be right: so that one that has jumped removes nothing.
//
// That is when the table's last cleanup ended (ppm.last_run.at), or when somebody has confirmed the
// clock since. A cleanup that was refused leaves it as it is.
#pragma once

#include "pg/catalog/catalog.hpp"

namespace ppm {

// Gives each parent its own. Needs an SpiConnection and a pinned search_path.
void read_clock_references(std::vector<ManagedParent>& parents);

// Takes the clock of now for right as far as this table goes. Whoever may write its configuration
// may say so.
void confirm_clock(const TableName& table);

}  // namespace ppm
