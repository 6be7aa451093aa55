// Randomness from the kernel (getrandom(2)), injected where tests need it fixed.
#pragma once

#include "base/bytes.hpp"

namespace agri::base {

class Random {
   public:
    virtual ~Random() = default;
    // Fills `out` with unpredictable bytes; never fails once the kernel is seeded.
    virtual void Fill(MutableBytes out) = 0;
};

// The kernel's generator. Thread-safe, never destroyed.
Random& SystemRandom();

}  // namespace agri::base
