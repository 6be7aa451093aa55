// Asking for targets on the two timelines of TwoTimelines.
#pragma once

#include "engine/target.hpp"
#include "engine/test_archive.hpp"

namespace agri::test {

class TargetFixture : public testing::Test {
   protected:
    base::Result<engine::RestorePlan> Resolve(const std::string& backup_id = "") {
        return engine::ResolveTarget(repository.incarnation(), target, backup_id, context.get());
    }
    base::Result<engine::RestorePlan> ResolveTime(int64_t second) {
        target.kind = engine::TargetKind::kTime;
        target.time = TimeAt(second);
        return Resolve();
    }
    base::Result<engine::RestorePlan> ResolveLsn(base::Lsn lsn) {
        target.kind = engine::TargetKind::kLsn;
        target.lsn = lsn;
        return Resolve();
    }
    base::Result<engine::RestorePlan> ResolveXid(uint32_t xid) {
        target.kind = engine::TargetKind::kXid;
        target.xid = xid;
        return Resolve();
    }
    base::Result<engine::RestorePlan> ResolveName(const std::string& name) {
        target.kind = engine::TargetKind::kName;
        target.name = name;
        return Resolve();
    }
    std::string KeyOf(std::string_view file) const {
        return repository.incarnation().keys().Wal(*base::WalFileName::Parse(file));
    }
    void Remove(std::string_view file) {
        Must(repository.repository().storage().Remove(KeyOf(file)));
    }
    void Remove(uint32_t timeline, uint64_t number) { Remove(SegmentName(timeline, number)); }
    void Damage(std::string_view file) {
        base::Bytes content = repository.Content(KeyOf(file));
        content[content.size() / 2] ^= std::byte{1};
        repository.disk->Overwrite(KeyOf(file), content);
    }
    // Not even its beginning is one of this repository's objects.
    void Spoil(std::string_view file) { repository.disk->Overwrite(KeyOf(file), base::Bytes(200)); }
    static void ExpectUnreachable(const base::Result<engine::RestorePlan>& plan,
                                  std::string_view message) {
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, base::ErrorCode::kUnreachableTarget)
            << plan.error().ToString();
        EXPECT_NE(plan.error().ToString().find(message), std::string::npos)
            << plan.error().ToString();
    }

    TestRepository repository;
    TwoTimelines story{repository};
    TestContext context;
    engine::RecoveryTarget target;
};

}  // namespace agri::test
