// Takes a move of rows back: drops what the move has made, and keeps what there was before.
#pragma once

#include "pg/run/session.hpp"

namespace ppm {

// Takes back the move of the parent, or what a restored dump has of one. Returns whether there was
// one. With other calls kept off.
bool take_back_move(Session& session, Oid parent);

// Whether a call has begun to take the move back, and has not finished.
bool is_being_abandoned(Session& session, Oid parent);

// Takes back moves whose table was dropped meanwhile: nobody can name the table any more.
void take_back_orphans(Session& session);

}  // namespace ppm
