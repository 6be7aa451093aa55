// Validates page checksums while a backup reads relation files, and keeps what it finds. A failure
// never stops the backup: it is recorded, with the block counted within the relation.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/page_checksum.hpp"
#include "engine/relation_file.hpp"
#include "repo/repository.hpp"

namespace agri::engine {

// Where a relation file belongs.
struct RelationPlace {
    uint32_t database = 0;
    uint32_t tablespace = 0;
    RelationFileName file;

    // nullopt when the path is not that of a relation file.
    static std::optional<RelationPlace> Of(const repo::format::FileRoot& root,
                                           std::string_view path);
};

struct PageProblem {
    RelationPlace place;
    uint32_t root = 0;
    std::string path;
    uint64_t block = 0;  // within the relation fork
    uint16_t expected = 0;
    uint16_t found = 0;
    base::Lsn lsn;
};

struct PageCheckerOptions {
    uint32_t block_size = 8192;
    uint32_t blocks_per_segment = 131072;
    base::Lsn start;
};

// Thread-safe.
class PageChecker {
   public:
    explicit PageChecker(const PageCheckerOptions& options) : options_(options) {}

    // Whole pages of one file, from `offset` on (a multiple of the block size). A page that fails
    // is read once more from `fd`, and the second reading replaces the first in `bytes`.
    struct Pages {
        const RelationPlace& place;
        uint32_t root;
        const std::string& path;
        int fd;
        uint64_t offset;
    };
    void Check(const Pages& pages, base::MutableBytes bytes);

    uint64_t pages_checked() const { return pages_checked_; }
    // After the copy: the failures, sorted; `stop` is the backup's stop point. A wrong checksum is
    // excused by a page LSN that the backup's WAL can cover, but not by one beyond its end.
    std::vector<PageProblem> TakeProblems(base::Lsn stop);
    uint64_t failures() const { return failures_; }

   private:
    void Record(PageProblem problem, PageVerdict verdict);

    const PageCheckerOptions options_;
    std::atomic<uint64_t> pages_checked_{0};
    std::mutex mutex_;
    uint64_t failures_ = 0;
    std::vector<PageProblem> problems_;
    std::vector<PageProblem> excused_;
};

// More failures than this are counted, not listed.
inline constexpr size_t kMaxListedPages = 10000;

}  // namespace agri::engine
