#include "engine/crashed_backups.hpp"

#include <set>

#include "base/count.hpp"
#include "repo/catalog.hpp"
#include "repo/machine.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

namespace {

class CrashedBackups {
   public:
    CrashedBackups(const repo::Incarnation& incarnation, const std::string& own_backup_id,
                   const Context& context)
        : incarnation_(incarnation), own_backup_id_(own_backup_id), context_(context) {}

    Status Remove() {
        AGRI_ASSIGN(const uint64_t files, Storage().RemoveLitter());
        if (files > 0)
            context_.log->info("removed {} of dead processes",
                               base::Count(files, "unfinished file"));
        AGRI_ASSIGN(const auto intents, repo::ListIntents(incarnation_));
        std::vector<std::string> given_up;
        for (const auto& intent : intents) {
            if (intent.backup_id() == own_backup_id_) continue;
            AGRI_TRY(GiveUp(intent));
            given_up.push_back(intent.backup_id());
        }
        if (given_up.empty()) return {};
        AGRI_TRY(RemoveUnlistedPacks());
        // Last: while it stands, the next backup does all of this again.
        for (const std::string& id : given_up) AGRI_TRY(repo::RemoveIntent(incarnation_, id));
        return {};
    }

   private:
    storage::Storage& Storage() const { return incarnation_.repository().storage(); }

    Status GiveUp(const repo::format::BackupIntent& intent) const {
        repo::format::Tombstone tombstone;
        tombstone.set_backup_id(intent.backup_id());
        tombstone.set_reason("its process ended without finishing it");
        tombstone.set_at_us(context_.clock.Now().time_since_epoch().count());
        tombstone.set_host(repo::HostName());
        Status given_up = repo::PutTombstone(incarnation_, tombstone);
        // It committed and only its intent was left.
        if (!given_up && given_up.error().code == ErrorCode::kConflict) return {};
        if (!given_up) return given_up;
        context_.log->warn("backup {} of process {} on host \"{}\" was never finished: given up",
                           intent.backup_id(), intent.pid(), intent.host());
        return {};
    }

    Status AddPacksOf(const std::string& backup_id, std::set<std::string>& listed) const {
        AGRI_ASSIGN(const auto manifest, repo::ManifestReader::Open(incarnation_, backup_id));
        for (const repo::PackId& pack : manifest.packs().packs())
            listed.insert(incarnation_.keys().Pack(pack));
        return {};
    }

    Status RemoveUnlistedPacks() const {
        std::set<std::string> listed;
        AGRI_ASSIGN(const auto backups, repo::ListBackups(incarnation_));
        for (const repo::CatalogEntry& backup : backups)
            AGRI_TRY(AddPacksOf(backup.header.backup_id(), listed));
        AGRI_ASSIGN(const std::vector<std::string> expired, repo::ListExpired(incarnation_));
        for (const std::string& id : expired) {
            Status added = AddPacksOf(id, listed);
            if (!added && added.error().code != ErrorCode::kNotFound) return added;
        }
        std::vector<std::string> garbage;
        uint64_t bytes = 0;
        AGRI_TRY(Storage().List(incarnation_.keys().PackFolder(),
                                [&](const storage::ObjectInfo& object) -> Status {
                                    if (listed.contains(object.key)) return {};
                                    garbage.push_back(object.key);
                                    bytes += object.size_bytes;
                                    return {};
                                }));
        for (const std::string& key : garbage) {
            AGRI_TRY(context_.cancel.Check());
            AGRI_TRY(Storage().Remove(key));
        }
        context_.log->info("removed {} ({} bytes) that no backup lists",
                           base::Count(garbage.size(), "pack"), bytes);
        return {};
    }

    const repo::Incarnation& incarnation_;
    const std::string& own_backup_id_;
    const Context& context_;
};

}  // namespace

void RemoveCrashedBackups(const repo::Incarnation& incarnation, const std::string& own_backup_id,
                          const Context& context) {
    Status removed = CrashedBackups(incarnation, own_backup_id, context).Remove();
    if (!removed)
        context.log->warn("what crashed backups left in the repository stays there for now: {}",
                          removed.error().ToString());
}

}  // namespace agri::engine
