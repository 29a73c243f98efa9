// Phrases that anomalies of one parent share.
#pragma once

#include <string>

#include "core/check/check.hpp"

namespace ppm {

class Wording {
  public:
    Wording(const Parent& parent, const KeyCodec& codec, const Inquiries& inquiries)
        : parent_{parent}, codec_{codec}, inquiries_{inquiries} {}

    std::string held(const BoundRange& bounds) const { return codec_.range_text(bounds); }

    // `No partition of table "public.orders" covers 2026-11-22 to 2026-11-23`
    std::string not_covered(const std::string& range) const;

    // A sentence, if the last attempt on the partition of that name failed.
    std::string last_failure(const std::string& name) const;

    std::string sql_name(const Configuration& configuration) const;
    std::string sql_name(const Partition& partition) const;

    // `CALL ppm.cleanup('public.orders');`
    std::string call_of(const char* procedure) const;

    // `CALL ppm.repartition('public.orders');` and what it does, or what comes next. If foreign
    // keys refer to the table, says to drop them before, and to add them again afterwards.
    std::string repartition_and(const std::string& then) const;

    // A call, but to be done after a fix, if the last attempt failed for a lasting reason.
    std::string again(const char* procedure, const std::string& name) const;

  protected:
    const Parent& parent_;
    const KeyCodec& codec_;
    const Inquiries& inquiries_;
};

}  // namespace ppm
