// pg_wal/archive_status as the archiver reads it: NAME.ready says that pg_wal/NAME is complete and
// waits. Only read here: PostgreSQL itself renames .ready to .done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace agri::worker {

// PostgreSQL's order (ready_file_comparator in src/backend/postmaster/pgarch.c): history files
// first, then by name.
bool ArchivesBefore(std::string_view a, std::string_view b);

struct ReadyFiles {
    std::vector<std::string> first;  // in archiving order, at most the limit
    bool complete = true;            // `first` is all of them
    uint64_t files = 0;
    uint64_t segments = 0;  // of them, partial ones included
    // End of the newest segment that is or was waiting, as a count of segments; 0 when none is
    // known.
    uint64_t newest_segment = 0;
};
// Memory is bounded by `limit` names. kNotFound when the folder is not there.
base::Result<ReadyFiles> ReadReadyFolder(const std::string& folder, uint64_t segment_size,
                                         size_t limit);

// Tells when a file appears in the folder (inotify); where the kernel refuses that, the descriptor
// is -1 and only the periodic look remains.
class ReadyWatch {
   public:
    explicit ReadyWatch(const std::string& folder);
    int fd() const { return inotify_.get(); }
    void Drain();

   private:
    base::Fd inotify_;
};

}  // namespace agri::worker
