// The container of every repository object: a 64-byte header and sealed frames, the last one marked
// (docs/repository-format.md, "Objects"). Reading authenticates before it believes: a flipped bit,
// a cut, a swapped or a foreign object is kCorrupt, and the message names the object.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "codec/compression.hpp"
#include "codec/sealing.hpp"
#include "storage/storage.hpp"

namespace agri::repo {

inline constexpr size_t kObjectHeaderBytes = 64;
inline constexpr size_t kFrameHeaderBytes = 12;
inline constexpr size_t kFrameOverheadBytes = kFrameHeaderBytes + codec::kTagBytes;
// No frame holds more plain bytes; a larger claim in a header is refused before anything is
// allocated.
inline constexpr uint32_t kMaxFramePlainBytes = 4u << 20;
inline constexpr uint16_t kContainerVersion = 1;
// A compression level for FrameCoder and SealedWriter that stores every frame as it is.
inline constexpr int kNoCompression = std::numeric_limits<int>::min();

enum class ObjectKind : uint8_t {
    kRecord = 1,  // one message: incarnation, claim, lease, gap, intent, tombstone
    kManifest = 2,
    kPack = 3,
    kWal = 4,
    kChangedBlocks = 5,
    kTail = 6,
};

using RepositoryId = std::array<std::byte, 16>;

struct ObjectHeader {
    uint16_t container_version = kContainerVersion;
    ObjectKind kind = ObjectKind::kRecord;
    codec::SealingMethod sealing = codec::SealingMethod::kAes256Gcm;
    uint32_t key_version = 0;
    RepositoryId repository_id{};
    std::array<std::byte, 32> salt{};

    std::array<std::byte, kObjectHeaderBytes> Encode() const;
    // kCorrupt for a bad magic, kUnsupported for a newer version (with the way out in the hint).
    static base::Result<ObjectHeader> Decode(base::ByteView bytes, std::string_view object_name);
};

// The repository's keys, by version; what Repository::Open unwrapped. Immutable after opening.
class Keyring;

// Everything sealing needs to know of a repository; shared, immutable, thread-safe.
class SealingContext {
   public:
    virtual ~SealingContext() = default;
    virtual const RepositoryId& repository_id() const = 0;
    virtual codec::SealingMethod method() const = 0;
    virtual uint32_t current_key_version() const = 0;
    // A header for a new write attempt: current key version, fresh salt.
    virtual ObjectHeader NewHeader(ObjectKind kind) const = 0;
    // Checks that the header fits this repository (id, sealing method not weaker than declared,
    // known key version) and derives the object's key, bound to its name and its whole header.
    virtual base::Result<codec::ObjectKey> KeyFor(const ObjectHeader& header,
                                                  std::string_view object_name) const = 0;
};

// The refusals of SealingContext::KeyFor that need no key: kCorrupt for another repository's object
// and for a sealing method other than the repository's (a weaker one would be a downgrade).
base::Status CheckHeader(const ObjectHeader& header, const SealingContext& sealing,
                         std::string_view object_name);
// The object's key as docs/repository-format.md derives it ("Sealing"). `repository_key` is ignored
// without sealing, where the "key" is the seed of the frames' digests.
codec::ObjectKey DeriveObjectKey(const ObjectHeader& header, base::ByteView repository_key,
                                 std::string_view object_name);
// kCorrupt, naming the object, what is wrong with it and the way to learn whom it concerns.
base::Error DamagedObject(std::string_view object_name, std::string_view problem);
// Its hint, which `verify` itself has no use for.
inline constexpr std::string_view kDamagedObjectHint =
    "Nothing was taken from it. Run \"agri_backup verify\" to learn which backups and which WAL it "
    "concerns.";
// An error of FrameCoder::Decode or FrameHeader::Decode, with the object's name added: kCorrupt
// becomes DamagedObject.
base::Error NameObject(base::Error error, std::string_view object_name);

enum class FrameCodec : uint8_t { kRaw = 0, kZstd = 1 };

struct FrameInfo {
    uint32_t index = 0;
    uint64_t offset = 0;  // of the frame header in the object
    uint32_t stored_length = 0;
    uint32_t plain_length = 0;
};

// Per-thread working state: compressor, cipher, buffers. Not thread-safe, reusable without limit.
class FrameCoder {
   public:
    explicit FrameCoder(int compression_level);
    ~FrameCoder();
    FrameCoder(FrameCoder&&) noexcept;

    // Compresses (when that shrinks it), seals and returns the whole frame (header, body, tag). The
    // view stays valid until the next call.
    base::Result<base::ByteView> Encode(const codec::ObjectKey& key, uint32_t index,
                                        base::ByteView plain, bool is_last);
    // Authenticates and decompresses one whole frame into `plain` (exactly its plain length).
    // `is_last` must match what the frame says. Errors do not name the object: callers add it.
    base::Status Decode(const codec::ObjectKey& key, uint32_t index, base::ByteView frame,
                        bool is_last, base::MutableBytes plain);

   private:
    struct State;
    std::unique_ptr<State> state_;
};

// What a frame header says, bounds already checked (lengths capped, reserved bits zero).
struct FrameHeader {
    uint32_t stored_length = 0;
    uint32_t plain_length = 0;
    FrameCodec codec = FrameCodec::kRaw;
    bool is_last = false;
    static base::Result<FrameHeader> Decode(base::ByteView bytes);
    std::array<std::byte, kFrameHeaderBytes> Encode() const;
};

// Writes one object frame by frame in one thread.
class SealedWriter {
   public:
    static base::Result<SealedWriter> Create(storage::Storage& storage,
                                             const SealingContext& sealing, ObjectKind kind,
                                             std::string_view key, int compression_level);
    ~SealedWriter();
    SealedWriter(SealedWriter&&) noexcept;
    // `plain` up to kMaxFramePlainBytes.
    base::Status AppendFrame(base::ByteView plain);
    // Appends the last frame (it may be empty) and publishes; kExists leaves the other object
    // alone.
    base::Result<storage::PutOutcome> Finish(base::ByteView last_plain);
    uint64_t stored_bytes() const;

   private:
    struct State;
    explicit SealedWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Reads one object front to back, frame by frame.
class SealedReader {
   public:
    // kNotFound, kCorrupt, kAuthentication, kUnsupported: each names the object.
    static base::Result<SealedReader> Open(storage::Storage& storage, const SealingContext& sealing,
                                           ObjectKind kind, std::string_view key);
    // The same for an object of any kind, which header() tells: a manifest's key may hold a
    // tombstone instead. The kind is only believed once Next() has returned the first frame.
    static base::Result<SealedReader> OpenAnyKind(storage::Storage& storage,
                                                  const SealingContext& sealing,
                                                  std::string_view key);
    ~SealedReader();
    SealedReader(SealedReader&&) noexcept;
    const ObjectHeader& header() const;
    // The next frame's plain bytes, valid until the next call; nullopt after the last one, which
    // was marked as such and ended exactly at the object's end.
    base::Result<std::optional<base::ByteView>> Next();
    uint64_t stored_bytes() const;

   private:
    struct State;
    explicit SealedReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// One-frame objects (kRecord): a serialised message up to kMaxFramePlainBytes.
base::Result<storage::PutOutcome> PutRecord(storage::Storage& storage,
                                            const SealingContext& sealing, std::string_view key,
                                            base::ByteView plain);
base::Result<base::Bytes> GetRecord(storage::Storage& storage, const SealingContext& sealing,
                                    std::string_view key);

}  // namespace agri::repo
