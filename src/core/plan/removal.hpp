// The half of the plan that removes what lies outside the window.
#pragma once

#include "core/plan/planner.hpp"

namespace ppm {

// Adds to the plan, which has the provisioning already, what cleanup is to do and what it leaves as
// it is.
void plan_removal(const Parent& parent, const KeyCodec& codec, const Windows& windows,
                  const Lookups& lookups, Plan& plan);

// For messages about a key that might tell no time: how they print a key, and what kind of key
// is expected.
std::string key_text(const KeyCodec& codec, Bound key);
std::string key_noun(const KeyCodec& codec);

// A detached table that was changed is not attached again; `change` says what became of it.
Anomaly detached_changed(const Parent& parent, const KeyCodec& codec, const Partition& detached,
                         const std::string& change);

}  // namespace ppm
