// Backups without files, for tests of the catalog.
#pragma once

#include <string>
#include <vector>

#include "repo/test_repository.hpp"

namespace agri::test {

inline std::string Id(int number) { return fmt::format("20261122T203501Z-full-{:04x}", number); }

// Commits backups without files, gives them up, and looks at them.
class CatalogTest : public testing::Test {
   protected:
    void Commit(const repo::format::ManifestHeader& header) {
        TestPacks packs(test_);
        repo::ManifestWriter writer(test_.incarnation(), packs.writer());
        Must(writer.FinishFiles());
        Must(writer.Commit(header, {}));
    }
    void Commit(int number, uint32_t timeline, uint64_t stop_lsn) {
        repo::format::ManifestHeader header = TestHeader(Id(number));
        header.set_timeline(timeline);
        header.set_stop_timeline(timeline);
        header.set_start_lsn(stop_lsn - 100);
        header.set_stop_lsn(stop_lsn);
        header.set_start_us(-number);  // a clock that runs backwards
        Commit(header);
    }
    base::Status GiveUp(int number) {
        repo::format::Tombstone tombstone;
        tombstone.set_backup_id(Id(number));
        tombstone.set_host("db2");
        return repo::PutTombstone(test_.incarnation(), tombstone);
    }
    std::vector<std::string> Listed() const {
        std::vector<std::string> ids;
        for (const auto& entry : Must(repo::ListBackups(test_.incarnation())))
            ids.push_back(entry.header.backup_id());
        return ids;
    }
    std::string Key(int number) const { return test_.incarnation().keys().Manifest(Id(number)); }

    TestRepository test_;
};

}  // namespace agri::test
