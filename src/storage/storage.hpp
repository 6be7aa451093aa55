// The one contract between the repository format and wherever its objects live. Drivers (posix now,
// s3 later) and decorators (retrying, throttling) implement it; test/storage/conformance.hpp is run
// against every one of them.
//
// Keys are relative paths of at most 1024 bytes: parts joined by '/', each of 1 to 255 characters
// out of [A-Za-z0-9._-] and none beginning with a dot (which leaves those names to drivers and
// filesystems). No key is a folder of another one; a driver with real folders refuses that with
// kConflict. Objects are immutable: they appear whole and durable, or not at all, and are never
// replaced.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace agri::storage {

enum class PutOutcome {
    kCreated,  // the object is there, written by this call, durable
    kExists,   // another object stands under that key: nothing was changed, and its durability is
               // not promised before EnsureDurable(); the caller compares by authenticated content
};

struct ObjectInfo {
    std::string key;
    uint64_t size_bytes = 0;
};

struct SpaceInfo {
    uint64_t total_bytes = 0;
    uint64_t free_bytes = 0;
};

// Writes one object front to back. Nothing is visible under the key before Commit() says kCreated.
// Destruction without Commit() discards what was written. Not thread-safe; several writers may be
// open at once.
class ObjectWriter {
   public:
    virtual ~ObjectWriter() = default;
    virtual base::Status Append(base::ByteView data) = 0;
    // Makes the object durable and visible under its key if that key is absent. After an error the
    // key shows nothing or the whole object, which then need not be durable: write anew from the
    // source, and on kExists compare and call EnsureDurable().
    virtual base::Result<PutOutcome> Commit() = 0;
    // Whether Commit() may be called again on this writer after it failed with kUnavailable.
    virtual bool CanRepeatCommit() const { return false; }
};

// Random access to one immutable object. Thread-safe.
class ObjectReader {
   public:
    virtual ~ObjectReader() = default;
    virtual uint64_t size_bytes() const = 0;
    // Fills `out` exactly; kCorrupt ("ends early") when the object is shorter.
    virtual base::Status Read(uint64_t offset, base::MutableBytes out) const = 0;
};

// Thread-safe.
class Storage {
   public:
    virtual ~Storage() = default;

    // Starts an object. Missing parents are created, and are durable by the time of Commit().
    virtual base::Result<std::unique_ptr<ObjectWriter>> Create(std::string_view key) = 0;
    // kNotFound only when the object certainly does not exist.
    virtual base::Result<std::unique_ptr<ObjectReader>> Open(std::string_view key) = 0;
    // Size, or nullopt when it certainly does not exist.
    virtual base::Result<std::optional<uint64_t>> Stat(std::string_view key) = 0;
    // Calls `visit` for every object below the folder `prefix` (ending in '/', or empty for all),
    // in bytewise key order; `visit` returning an error ends the listing with it. Unfinished writes
    // are never listed. A missing folder lists nothing.
    virtual base::Status List(std::string_view prefix,
                              const std::function<base::Status(const ObjectInfo&)>& visit) = 0;
    // Names of the direct children of a folder: objects and folders alike, sorted, without slash. A
    // driver with real folders may name an empty one where a writer just made it, or died after.
    virtual base::Result<std::vector<std::string>> Children(std::string_view prefix) = 0;
    // Removes an object; OK when it is already gone. Durable on return.
    virtual base::Status Remove(std::string_view key) = 0;
    // After kExists: makes sure that an object somebody else wrote survives a power loss.
    virtual base::Status EnsureDurable(std::string_view key) = 0;
    // Free space, or nullopt where the service has no such notion.
    virtual base::Result<std::optional<SpaceInfo>> Space() = 0;
    // Removes unfinished writes whose writer is certainly dead; returns how many.
    virtual base::Result<uint64_t> RemoveLitter() = 0;
    // "file:///backup/repo": for messages; never holds a credential.
    virtual std::string Describe() const = 0;

    // Create, Append, Commit in one.
    base::Result<PutOutcome> Put(std::string_view key, base::ByteView data);
    // The whole object, refused above `limit_bytes` (kCorrupt: nothing we write is larger).
    base::Result<base::Bytes> Get(std::string_view key, uint64_t limit_bytes);
};

// True for keys of the form above. Every driver refuses others with kInvalidArgument.
bool IsValidKey(std::string_view key);

// Opens the storage behind a URI: "file:///absolute/folder". kUnsupported for unknown schemes, with
// the known ones in the hint. Does not create anything; a missing folder is kNotInitialized, and so
// is one that vanishes later (unmounted, replaced): that storage object stays so for good, and
// whoever wants to go on opens a new one and checks what it finds there.
base::Result<std::unique_ptr<Storage>> OpenStorage(std::string_view uri);
// The same, but for `init`: creates the folder itself when its parent exists. Where the superuser
// does so, it is for the owner of the folder `for_owner_of`, if that is given.
base::Result<std::unique_ptr<Storage>> CreateStorage(std::string_view uri,
                                                     const std::string& for_owner_of = {});

}  // namespace agri::storage
