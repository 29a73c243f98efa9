// How a move of rows is taken back: what it has made goes, what there was before stays.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Takes back the move of the parent, or what a restored dump has of one. Returns whether there was
// one. With other calls kept off.
bool take_back_move(Session& session, Oid parent);

// Whether a call that takes it back has begun, and not ended.
bool is_being_abandoned(Session& session, Oid parent);

// Takes back the moves whose tables were dropped in the middle: nobody could name them any more.
void take_back_orphans(Session& session);

}  // namespace ppm
