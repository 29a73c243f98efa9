// Calls the functions of ppm.hooks.
#pragma once

#include "pg/run/run.hpp"

namespace ppm {

// Calls one, in a transaction of its own, as the table's owner, under ppm.hook_timeout; or throws,
// with the function's effects undone. Not in a transaction block, where nothing is committed: the
// next call does it.
void call_hook(Session& session, History& history, const ManagedParent& managed,
               const CallHook& hook);

// The statement, for people to read.
std::string hook_statement(const ManagedParent& managed, const CallHook& hook);

}  // namespace ppm
