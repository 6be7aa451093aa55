// The lease says who runs a schedule now, the record which of its times was run: one without the
// other would let two servers run the same, or one that died hold it for ever.
#include "engine/scheduled_backup.hpp"

#include "engine/lease_keeper.hpp"

namespace agri::engine {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;
using repo::format::ScheduleRun;

namespace {

ScheduleRun::State StateAfter(const Error& error) {
    if (error.code == ErrorCode::kBusy) return ScheduleRun::DEFERRED;
    if (error.code == ErrorCode::kCancelled) return ScheduleRun::CANCELLED;
    return ScheduleRun::FAILED;
}

Result<std::unique_ptr<repo::LeaseGuard>> TakeLease(const repo::Incarnation& incarnation,
                                                    const repo::DueRun& due,
                                                    const Context& context) {
    repo::LeaseOptions options;
    options.name = repo::LeaseNameOf(due.schedule);
    options.purpose = fmt::format("schedule \"{}\"", due.schedule);
    options.time_to_live = context.settings.lease_time;
    options.wait_for_expiry = true;
    options.wait = storage::WaitOn(context.cancel);
    context.progress.SetPhase("waiting for the schedule's lease");
    return repo::LeaseGuard::Acquire(incarnation, options, context.clock, context.random);
}

// What could not be recorded is shown as running until the lease is free, then as interrupted.
void Record(repo::ScheduledRun& run, const Result<repo::format::ManifestHeader>& header,
            const ScheduledBackupRequest& request, const Context& context) {
    Status recorded;
    if (header) {
        recorded = run.End(ScheduleRun::DONE, header->backup_id(), "", context.clock);
    } else {
        if (request.is_server_gone()) return;
        recorded =
            run.End(StateAfter(header.error()), "", header.error().ToString(), context.clock);
    }
    if (!recorded)
        context.log->warn("the outcome of schedule \"{}\" could not be recorded: {}",
                          request.due.schedule, recorded.error().ToString());
}

}  // namespace

Result<ScheduledBackup> RunScheduledBackup(const repo::Incarnation& incarnation,
                                           ClusterPort& cluster,
                                           const ScheduledBackupRequest& request,
                                           const Context& context) {
    AGRI_ASSIGN(auto reason, repo::ReasonNotToRun(request.records, request.due));
    if (reason) return ScheduledBackup{std::nullopt, *reason};
    auto lease = TakeLease(request.records, request.due, context);
    if (!lease && lease.error().code == ErrorCode::kBusy)
        return ScheduledBackup{std::nullopt, lease.error().message};
    if (!lease) return std::move(lease).error();
    // A run whose lease was lost cannot record its outcome; its backup rests on a lease of its own.
    FirstError lease_failure;
    const LeaseKeeper keeper(std::move(*lease), context.settings.lease_time, lease_failure);
    AGRI_ASSIGN(reason, repo::ReasonNotToRun(request.records, request.due));
    if (reason) return ScheduledBackup{std::nullopt, *reason};
    AGRI_ASSIGN(repo::ScheduledRun run, repo::ScheduledRun::Begin(request.records, request.due,
                                                                  context.clock, context.random));
    auto header = RunBackup(incarnation, cluster, request.backup, context);
    Record(run, header, request, context);
    if (!header) return std::move(header).error();
    return ScheduledBackup{std::move(*header), ""};
}

}  // namespace agri::engine
