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
                   LeaseKeeper& lease, const Context& context)
        : incarnation_(incarnation),
          own_backup_id_(own_backup_id),
          lease_(lease),
          context_(context) {}

    Status Remove() {
        AGRI_ASSIGN(const uint64_t files, Storage().RemoveLitter());
        if (files > 0)
            context_.log->info("removed {} of dead processes",
                               base::Count(files, "unfinished file"));
        AGRI_ASSIGN(Intents intents, OthersIntents());
        if (intents.empty()) return {};
        // A backup puts its intent before its first pack: whoever a listed pack belongs to has an
        // intent in a list that is made after it, and is given up before the pack goes.
        AGRI_ASSIGN(const Packs packs, ListPacks());
        AGRI_ASSIGN(intents, OthersIntents());
        // Whoever took over while this process slept writes by now. What was listed is of earlier
        // backups only if the lease has been held until here; then it may be removed at any time.
        AGRI_TRY(ConfirmLease());
        for (const auto& intent : intents) AGRI_TRY(GiveUp(intent));
        AGRI_TRY(RemoveUnlisted(packs));
        // Last: while it stands, the next backup does all of this again.
        for (const auto& intent : intents)
            AGRI_TRY(repo::RemoveIntent(incarnation_, intent.backup_id()));
        return {};
    }

    bool is_lease_lost() const { return is_lease_lost_; }

   private:
    using Packs = std::vector<storage::ObjectInfo>;
    using Intents = std::vector<repo::format::BackupIntent>;

    storage::Storage& Storage() const { return incarnation_.repository().storage(); }

    Status ConfirmLease() {
        Status confirmed = lease_.Confirm();
        is_lease_lost_ = !confirmed && confirmed.error().code == ErrorCode::kConflict;
        return confirmed;
    }

    Result<Intents> OthersIntents() const {
        AGRI_ASSIGN(Intents intents, repo::ListIntents(incarnation_));
        std::erase_if(intents, [&](const auto& i) { return i.backup_id() == own_backup_id_; });
        return intents;
    }

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

    Result<Packs> ListPacks() const {
        Packs packs;
        AGRI_TRY(Storage().List(incarnation_.keys().PackFolder(),
                                [&](const storage::ObjectInfo& pack) -> Status {
                                    packs.push_back(pack);
                                    return {};
                                }));
        return packs;
    }

    // Removes those of `packs` that no backup rests on.
    Status RemoveUnlisted(const Packs& packs) const {
        std::set<std::string> listed;
        AGRI_ASSIGN(const auto backups, repo::ListBackups(incarnation_));
        for (const repo::CatalogEntry& backup : backups)
            AGRI_TRY(AddPacksOf(backup.header.backup_id(), listed));
        AGRI_ASSIGN(const std::vector<std::string> expired, repo::ListExpired(incarnation_));
        for (const std::string& id : expired) {
            Status added = AddPacksOf(id, listed);
            if (!added && added.error().code != ErrorCode::kNotFound) return added;
        }
        uint64_t removed = 0, bytes = 0;
        for (const storage::ObjectInfo& pack : packs) {
            if (listed.contains(pack.key)) continue;
            AGRI_TRY(context_.cancel.Check());
            AGRI_TRY(Storage().Remove(pack.key));
            ++removed;
            bytes += pack.size_bytes;
        }
        context_.log->info("removed {} ({} bytes) that no backup lists",
                           base::Count(removed, "pack"), bytes);
        return {};
    }

    const repo::Incarnation& incarnation_;
    const std::string& own_backup_id_;
    LeaseKeeper& lease_;
    const Context& context_;
    bool is_lease_lost_ = false;
};

}  // namespace

Status RemoveCrashedBackups(const repo::Incarnation& incarnation, const std::string& own_backup_id,
                            LeaseKeeper& lease, const Context& context) {
    CrashedBackups crashed(incarnation, own_backup_id, lease, context);
    Status removed = crashed.Remove();
    if (removed) return {};
    if (crashed.is_lease_lost()) return std::move(removed).error().In(kLeaseLost);
    context.log->warn("what crashed backups left in the repository stays there for now: {}",
                      removed.error().ToString());
    return {};
}

}  // namespace agri::engine
