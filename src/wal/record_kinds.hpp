// The kinds of WAL record this layer looks into: values of xl_info's high bits, by resource
// manager, with the PostgreSQL header that defines each. Private to src/wal.
#pragma once

#include <cstdint>

#include "wal/record.hpp"

namespace agri::wal {

// XLR_INFO_MASK's complement (xlogrecord.h): the bits that belong to the resource manager.
inline constexpr uint8_t kManagerInfoMask = 0xF0;

// Resource manager XLOG (src/include/catalog/pg_control.h).
enum XlogKind : uint8_t {
    kXlogCheckpointShutdown = 0x00,
    kXlogCheckpointOnline = 0x10,
    kXlogSwitch = 0x40,
    kXlogBackupEnd = 0x50,
    kXlogParameterChange = 0x60,
    kXlogRestorePoint = 0x70,
    kXlogEndOfRecovery = 0x90,
    kXlogOverwriteContrecord = 0xD0,
    kXlogCheckpointRedo = 0xE0,  // 17+
};

// Transaction (src/include/access/xact.h): three bits of kind and one flag.
inline constexpr uint8_t kTransactionKindMask = 0x70;
inline constexpr uint8_t kTransactionHasInfo = 0x80;
enum TransactionKind : uint8_t {
    kTransactionCommit = 0x00,
    kTransactionAbort = 0x20,
    kTransactionCommitPrepared = 0x30,
    kTransactionAbortPrepared = 0x40,
};

// Storage (src/include/catalog/storage_xlog.h).
enum StorageKind : uint8_t {
    kStorageCreate = 0x10,
    kStorageTruncate = 0x20,
};

// Database (src/include/commands/dbcommands_xlog.h; the same values since 15).
enum DatabaseKind : uint8_t {
    kDatabaseCreateFileCopy = 0x00,
    kDatabaseCreateWalLog = 0x10,
    kDatabaseDrop = 0x20,
};

inline uint8_t KindOf(const RecordHeader& header) { return header.info & kManagerInfoMask; }

inline bool IsSwitch(const RecordHeader& header) {
    return header.manager == ResourceManager::kXlog && KindOf(header) == kXlogSwitch;
}

}  // namespace agri::wal
