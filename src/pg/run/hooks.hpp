// Calls the functions of ppm.hooks.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

// Calls one hook in a transaction of its own, as the table's owner, with ppm.hook_timeout. If the
// function fails, its effects are rolled back, and this throws. Does nothing in a transaction
// block, where nothing is committed: the next call does it.
void call_hook(Session& session, History& history, const ManagedParent& managed,
               const CallHook& hook);

// The statement, for people to read.
std::string hook_statement(const ManagedParent& managed, const CallHook& hook);

}  // namespace ppm
