#include "core/deadline.hpp"

#include <gtest/gtest.h>

namespace ppm {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using Time = Deadline::Clock::time_point;

constexpr int most = std::numeric_limits<int>::max();
const Time now{hours{24 * 365}};

TEST(Deadline, TellsWhatIsLeft) {
    const Deadline deadline{milliseconds{300}, now};
    EXPECT_EQ(deadline.left(now), 300);
    EXPECT_EQ(deadline.left(now + milliseconds{100}), 200);
    EXPECT_FALSE(deadline.has_passed(now + milliseconds{299}));
}

TEST(Deadline, IsNotPassedAMomentTooEarly) {
    const Deadline deadline{milliseconds{300}, now};
    EXPECT_EQ(deadline.left(now + milliseconds{299} + microseconds{999}), 1);
    EXPECT_EQ(deadline.left(now + milliseconds{300}), 0);
    EXPECT_TRUE(deadline.has_passed(now + milliseconds{300}));
}

TEST(Deadline, StaysPassed) {
    const Deadline deadline{milliseconds{300}, now};
    EXPECT_EQ(deadline.left(now + hours{24 * 1000}), 0);
    EXPECT_EQ(deadline.left(Time::max()), 0);
}

TEST(Deadline, ANegativeWaitIsNone) {
    EXPECT_TRUE((Deadline{milliseconds{-1}, now}.has_passed(now)));
    EXPECT_TRUE((Deadline{milliseconds::min(), now}.has_passed(now)));
}

TEST(Deadline, NeverHasMoreLeftThanAnIntegerHolds) {
    EXPECT_EQ((Deadline{milliseconds{most}, now}.left(now)), most);
    EXPECT_EQ((Deadline{milliseconds{most} + milliseconds{2000}, now}.left(now)), most);
    EXPECT_EQ(
        (Deadline{milliseconds{most} + milliseconds{2000}, now}.left(now + milliseconds{2001})),
        most - 1);
}

TEST(Deadline, DoesNotOverflow) {
    for (const Time begin : {now, Time{}, Time::max() - milliseconds{1}, Time::max()}) {
        const Deadline deadline{milliseconds::max(), begin};
        EXPECT_EQ(deadline.has_passed(begin), begin == Time::max());
        EXPECT_TRUE(deadline.has_passed(Time::max()));
    }
}

}  // namespace
}  // namespace ppm
