// What turns restored files into a cluster that can be started: links, recovery configuration, the
// backup_manifest, and, when all of it is durable, pg_control under its real name.
#pragma once

#include "engine/owned_files.hpp"
#include "engine/restore_files.hpp"
#include "engine/restore_survey.hpp"

namespace agri::engine {

struct FinishInput {
    const repo::Incarnation& incarnation;
    const repo::ManifestReader& manifest;
    const RestoreLayout& layout;
    const RestoreSurvey& survey;
    const RestorePlan& plan;
    const RestoreRequest& request;
    OwnerResolver& owners;
    const Context& context;
};

class RestoreFinish {
   public:
    explicit RestoreFinish(const FinishInput& input);
    // Durable on return, but for the held-back files' names.
    base::Status Prepare();
    // Puts pg_control in place and removes the marker: the last steps, each durable.
    base::Status Complete(const std::vector<HeldBackFile>& held_back);

   private:
    struct Generated {  // a file of ours that pg_verifybackup will see
        std::string path;
        std::string content;
    };
    base::Status MakeLinks();
    base::Status WriteRecovery();
    base::Status WriteGenerated(std::string path, std::string content);
    base::Status WriteLabel();
    base::Status WriteHistory();
    base::Status WriteRole();
    base::Status WriteClaim();
    // Metadata of folders, now that nothing is written into them any more, and the backup_manifest.
    base::Status LastPass();
    base::Status WriteManifest(int fd, const std::string& path);
    base::Status ListKeptFiles(class BackupManifestWriter& writer);
    base::Status Sync();

    const FinishInput& input_;
    OwnedFiles data_;
    std::vector<Generated> generated_;
};

}  // namespace agri::engine
