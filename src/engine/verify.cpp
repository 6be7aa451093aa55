#include "engine/verify.hpp"

#include <set>

#include "base/count.hpp"
#include "engine/verify_packs.hpp"
#include "engine/verify_wal.hpp"
#include "repo/lease.hpp"
#include "repo/manifest.hpp"
#include "repo/object.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Result;
using base::Status;

Status VerifyReport::AddError(const std::string& backup_id, const std::string& object,
                              base::Error error) {
    const bool hinders_verifying = error.code == ErrorCode::kCancelled ||
                                   error.code == ErrorCode::kUnavailable ||
                                   error.code == ErrorCode::kInternal;
    if (hinders_verifying) return error;
    std::string problem = error.message;
    if (!error.detail.empty()) problem += ": " + error.detail;
    // A damaged object's hint leads to here.
    const bool is_news = !error.hint.empty() && error.hint != repo::kDamagedObjectHint;
    Add({backup_id, object, std::string(kSeverityError), std::move(problem),
         is_news
             ? error.hint
             : "What needs this object cannot be restored. Take a new full backup, and look for "
               "a copy of the object before anything is expired."});
    return {};
}

namespace {

constexpr std::chrono::hours kForgottenIntent{24};
constexpr std::string_view kBackupLease = "backup";

class Verification {
   public:
    Verification(const repo::Incarnation& incarnation, const VerifyRequest& request,
                 const std::function<void(const Finding&)>& on_finding, const Context& context)
        : incarnation_(incarnation),
          request_(request),
          report_(on_finding),
          context_(context),
          packs_(incarnation) {}

    Result<VerifySummary> Run() {
        context_.progress.SetPhase("verifying manifests");
        AGRI_TRY(CheckBackups());
        context_.progress.SetPhase("verifying packs");
        if (request_.level == VerifyLevel::kContents)
            context_.progress.bytes_total = packs_.bytes();
        AGRI_TRY(packs_.Verify(request_.level, report_, context_));
        summary_.packs = packs_.size();
        if (request_.level == VerifyLevel::kContents) summary_.bytes = packs_.bytes();
        context_.progress.SetPhase("verifying WAL");
        AGRI_TRY(CheckWal());
        if (request_.backup_id.empty()) AGRI_TRY(CheckIntents());
        summary_.findings = report_.count();
        context_.progress.SetPhase("done");
        return summary_;
    }

   private:
    bool IsWanted(const std::string& backup_id) const {
        return request_.backup_id.empty() || request_.backup_id == backup_id;
    }

    Status CheckBackups() {
        AGRI_ASSIGN(const auto entries, repo::ListBackups(incarnation_));
        std::set<std::string> listed;
        for (const repo::CatalogEntry& entry : entries) {
            const std::string& id = entry.header.backup_id();
            listed.insert(id);
            if (!IsWanted(id)) continue;
            ++summary_.backups;
            if (entry.problem.empty())
                AGRI_TRY(CheckBackup(id));
            else
                AGRI_TRY(report_.AddError(id, incarnation_.keys().Manifest(id),
                                          base::Error(ErrorCode::kCorrupt, entry.problem)));
        }
        AGRI_TRY(CheckMissingManifests(listed));
        if (summary_.backups > 0) return {};
        if (request_.backup_id.empty()) {
            report_.Add({"", incarnation_.keys().BackupFolder(), std::string(kSeverityError),
                         fmt::format("cluster \"{}\" has no backup", incarnation_.cluster()),
                         "Nothing can be restored until there is one: SELECT agri_backup_now();"});
            return {};
        }
        return MakeError(ErrorCode::kNotFound, "there is no backup \"{}\"", request_.backup_id)
            .WithHint("\"agri_backup info\" lists the backups.");
    }

    // A backup's folder keeps its manifest, or a tombstone, for ever: without either, somebody took
    // it.
    Status CheckMissingManifests(const std::set<std::string>& listed) {
        storage::Storage& storage = incarnation_.repository().storage();
        AGRI_ASSIGN(const auto names, storage.Children(incarnation_.keys().BackupFolder()));
        for (const std::string& id : names) {
            if (!repo::IsValidBackupId(id) || listed.contains(id) || !IsWanted(id)) continue;
            const std::string key = incarnation_.keys().Manifest(id);
            AGRI_ASSIGN(const auto size, storage.Stat(key));
            if (size) continue;
            ++summary_.backups;
            report_.Add(
                {id, key, std::string(kSeverityError), "the backup's manifest is missing",
                 "The backup cannot be restored without it. Look for a copy of that object."});
        }
        return {};
    }

    // Reads the manifest and every page and leaf of its file list.
    Status CheckBackup(const std::string& id) {
        const auto check = [&]() -> Status {
            AGRI_ASSIGN(const auto manifest, repo::ManifestReader::Open(incarnation_, id));
            AGRI_TRY(packs_.Add(id, manifest.packs(), report_));
            AddPageFailures(manifest);
            return manifest.ForEachFile([&](const repo::ManifestReader::FileRun&) -> Status {
                return context_.cancel.Check();
            });
        };
        Status checked = check();
        if (checked) return {};
        return report_.AddError(id, incarnation_.keys().Manifest(id), std::move(checked).error());
    }

    void AddPageFailures(const repo::ManifestReader& manifest) {
        const uint64_t failures = manifest.header().statistics().page_failures();
        if (failures == 0) return;
        const std::string& id = manifest.header().backup_id();
        report_.Add(
            {id, incarnation_.keys().Manifest(id), std::string(kSeverityWarning),
             fmt::format("{} had wrong checksums in the cluster when it was backed up",
                         base::Count(failures, "page")),
             "The backup holds them as they were. Repair the cluster, or restore an earlier "
             "backup."});
    }

    Status CheckWal() {
        AGRI_ASSIGN(const ArchiveMap map, ArchiveMap::Load(incarnation_));
        AGRI_ASSIGN(const WalVerification wal,
                    VerifyWal(incarnation_, map, request_, report_, context_));
        summary_.wal_segments = wal.segments;
        summary_.bytes += wal.bytes;
        return {};
    }

    Status CheckIntents() {
        auto intents = repo::ListIntents(incarnation_);
        if (!intents)
            return report_.AddError("", incarnation_.keys().IntentFolder(),
                                    std::move(intents).error());
        AGRI_ASSIGN(const auto holder, repo::LeaseGuard::Holder(incarnation_, kBackupLease));
        if (holder) return {};
        for (const auto& intent : *intents) {
            const base::WallTime since{std::chrono::microseconds(intent.since_us())};
            if (context_.clock.Now() - since < kForgottenIntent) continue;
            report_.Add({intent.backup_id(), incarnation_.keys().Intent(intent.backup_id()),
                         std::string(kSeverityWarning),
                         fmt::format("a backup begun at {} on \"{}\" neither ended nor is running",
                                     base::FormatTime(since), intent.host()),
                         "Its objects take up space until the next backup removes them."});
        }
        return {};
    }

    const repo::Incarnation& incarnation_;
    const VerifyRequest& request_;
    VerifyReport report_;
    const Context& context_;
    PackCollection packs_;
    VerifySummary summary_;
};

}  // namespace

std::string VerifySummary::Checked() const {
    return fmt::format("{}, {}, {}", base::Count(backups, "backup"), base::Count(packs, "pack"),
                       base::Count(wal_segments, "WAL segment"));
}

std::string VerifySummary::Outcome() const {
    return findings == 0 ? "all sound" : base::Count(findings, "finding");
}

Result<VerifySummary> RunVerify(const repo::Incarnation& incarnation, const VerifyRequest& request,
                                const std::function<void(const Finding&)>& on_finding,
                                const Context& context) {
    return Verification(incarnation, request, on_finding, context).Run();
}

}  // namespace agri::engine
