// What must hold before a restore writes its first byte: nobody uses the target, nothing in it
// would be lost unasked, it lies apart from the repository and the key, and there is room.
#pragma once

#include "engine/restore_survey.hpp"

namespace agri::engine {

enum class TargetState {
    kFresh,     // missing or empty
    kResume,    // an unfinished restore of `interrupted_backup`
    kExisting,  // a data directory to be rewritten where it differs (--delta)
};

struct TargetCheck {
    TargetState state = TargetState::kFresh;
    std::string interrupted_backup;
    std::vector<std::string> interrupted_folders;  // its tablespaces and pg_wal, real paths
};

// That what is asked for makes sense together. A standby that reaches its target must not promote
// itself: it would take the repository from the primary that still runs.
base::Status CheckRequest(const RestoreRequest& request);

// Looks at the target directory alone; needs no repository. kAlreadyExists when it is not empty and
// --delta was not asked for, kClusterState when a server runs in it.
base::Result<TargetCheck> CheckTargetDirectory(const RestoreRequest& request);

// That an unfinished restore there was of this backup, and that a data directory there is of this
// cluster; --delta settles the first, nothing the second.
base::Status CheckSameBackup(const TargetCheck& check, const RestoreRequest& request,
                             const repo::format::ManifestHeader& backup);

// All places apart from each other, from the repositories, the keys, running servers and other data
// directories. Folders of tablespaces and pg_wal: empty, unless the unfinished restore wrote them,
// or, with --delta, the target directory links to them.
base::Status CheckPlaces(const RestoreLayout& layout, const TargetCheck& check,
                         const RestoreRequest& request, const repo::Incarnation& incarnation,
                         const repo::format::ManifestHeader& backup, const Context& context);

// kClusterState when a server of this machine uses one of the folders, or one within or around it.
base::Status CheckNoServerUses(const RestoreLayout& layout);

// kNoSpace names the file system and the missing bytes. What existing files will free or keep
// counts.
base::Status CheckSpace(const RestoreLayout& layout, const RestoreSurvey& survey);

}  // namespace agri::engine
