// Checksums of data pages: PostgreSQL's variant of FNV-1a (described in
// src/include/storage/checksum_impl.h), and the rule which pages of a running server may be judged.
#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "base/lsn.hpp"

namespace agri::engine {

// The checksum that `page` should carry as block `block` of its relation fork. The page's own
// checksum field does not count. The page's size is a multiple of 128 bytes; any alignment.
uint16_t PageChecksum(base::ByteView page, uint32_t block);

enum class PageVerdict {
    kSound,
    kNew,     // never initialised: it has no checksum yet
    kRecent,  // the checksum is wrong, but WAL from the backup's start on rewrites the page: it may
              // have been read while it was written, and replay heals it
    kBroken,
};

struct PageCheck {
    PageVerdict verdict = PageVerdict::kSound;
    uint16_t expected = 0;
    uint16_t found = 0;
    base::Lsn lsn;  // the page's own
};

// Judges one page. `start`: the backup's start point.
PageCheck CheckPage(base::ByteView page, uint32_t block, base::Lsn start);

}  // namespace agri::engine
