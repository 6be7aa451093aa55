// What a server's archiving does around each file, whoever calls it: the archiving process, or
// archive_command.
#pragma once

#include <string>

#include "engine/wal_push.hpp"

namespace agri::engine {

// For a standby (archive_mode = always): what it has is its primary's to write. kBusy until the
// archive has the same file.
base::Status ConfirmArchived(const repo::Incarnation& incarnation, const std::string& name,
                             base::ByteView content, const base::Clock& clock);

// The timeline's history file, if there is one. The server marks it as ready only if it archived
// when the timeline began, which an adopted clone did not; without it nothing leads to the
// timeline's WAL.
base::Status PushHistory(WalPusher& pusher, const std::string& data_directory,
                         base::TimelineId timeline, const Context& context);

// archive_command = 'agri_backup wal-push %p': under the same claim, role and rules as the
// archiving process.
base::Result<WalPushResult> PushForServer(const repo::Incarnation& incarnation,
                                          const std::string& data_directory,
                                          const std::string& path, const Context& context);

}  // namespace agri::engine
