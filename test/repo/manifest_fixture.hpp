// One manifest under construction, and short ways to look at it when it is committed.
#pragma once

#include <string>
#include <vector>

#include "repo/file_page.hpp"
#include "repo/test_repository.hpp"

namespace agri::test {

class ManifestTest : public testing::Test {
   protected:
    void Commit(const repo::format::ManifestHeader& header = TestHeader()) {
        Must(writer_.FinishFiles());
        packs_.Finish();
        Must(writer_.Commit(header, packs_.refs()));
    }
    repo::ManifestReader Open() {
        return Must(repo::ManifestReader::Open(test_.incarnation(), kTestBackup));
    }
    static std::vector<std::string> Paths(const repo::ManifestReader& reader) {
        std::vector<std::string> paths;
        Must(reader.ForEachFile([&](const repo::ManifestReader::FileRun& run) -> base::Status {
            if (run.first_offset == 0) paths.push_back(run.entry.path());
            return {};
        }));
        return paths;
    }
    // `count` extents of 8 kB, in turn zeros and `chunk`.
    static std::vector<repo::FileExtent> Alternating(const repo::StoredChunk& chunk, size_t count) {
        std::vector<repo::FileExtent> extents;
        for (size_t i = 0; i < count; ++i) {
            extents.push_back({.length = 8192});
            if (i % 2 == 1) extents.back().chunk = chunk;
        }
        return extents;
    }

    TestRepository test_;
    TestPacks packs_{test_};
    repo::ManifestWriter writer_{test_.incarnation(), packs_.writer()};
};

}  // namespace agri::test
