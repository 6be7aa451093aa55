// What OpenSSL's failures mean where it was called with its own algorithm and with arguments that
// are right by construction.
#pragma once

#include <openssl/err.h>

#include <new>

namespace agri::codec {

// It had no memory: nothing else can be lacking. What it says itself is no guide, it may be nothing
// or "initialization error"; left in the thread's queue, that would be taken for the reason of a
// later call (libcurl reads the same queue).
[[noreturn]] inline void OpensslLacksMemory() {
    ERR_clear_error();
    throw std::bad_alloc();
}

}  // namespace agri::codec
