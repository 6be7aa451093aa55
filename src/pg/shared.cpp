// See shared.hpp.
#include "pg/shared.hpp"

namespace agri::pg {

Shared* shared = nullptr;

namespace {

constexpr char kTranche[] = "agri_backup";
shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

void Request() {
    if (previous_request_hook != nullptr) previous_request_hook();
    RequestAddinShmemSpace(MAXALIGN(sizeof(Shared)));
    RequestNamedLWLockTranche(kTranche, 1);
}

void Startup() {
    if (previous_startup_hook != nullptr) previous_startup_hook();
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    bool found = false;
    shared = static_cast<Shared*>(ShmemInitStruct(kTranche, sizeof(Shared), &found));
    if (!found) {
        memset(static_cast<void*>(shared), 0, sizeof(Shared));
        shared->lock = &GetNamedLWLockTranche(kTranche)->lock;
        for (JobSlot& slot : shared->slots) ConditionVariableInit(&slot.changed);
    }
    LWLockRelease(AddinShmemInitLock);
}

}  // namespace

void RequestSharedMemory() {
    previous_request_hook = shmem_request_hook;
    shmem_request_hook = Request;
    previous_startup_hook = shmem_startup_hook;
    shmem_startup_hook = Startup;
}

}  // namespace agri::pg
