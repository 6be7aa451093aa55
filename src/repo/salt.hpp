// The salt of a write attempt: what makes every object key, and so every nonce, unique.
#pragma once

#include <array>

#include "base/random.hpp"

namespace agri::repo {

// 32 bytes: SHA-256 over 32 bytes of `random`, host name, boot id, process id, time and a counter.
// The parts beyond `random` tell cloned machines and forked processes apart, whose generators may
// repeat. Thread-safe when `random` is.
std::array<std::byte, 32> FreshSalt(base::Random& random);

}  // namespace agri::repo
