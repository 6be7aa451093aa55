// Opening and making repositories. Init writes the key slot first and the descriptor last, each by
// put-if-absent: until the descriptor stands there is no repository, and an init that was cut off
// or raced is completed by the next one with the same key.
#include "repo/repository.hpp"

#include <algorithm>

#include "repo/descriptor.hpp"
#include "repo/salt.hpp"

namespace agri::repo {

namespace {

using base::ErrorCode;
using base::MakeError;

base::Result<codec::Secret> LoadKey(const RepositoryOptions& options) {
    if (options.encryption_off) {
        if (options.key_uri.empty()) return codec::Secret();
        return base::Error(ErrorCode::kConfiguration,
                           "a key is configured, but encryption is switched off")
            .WithHint("Remove one of the two settings.");
    }
    if (options.key_uri.empty())
        return base::Error(ErrorCode::kConfiguration, "no key is configured for the repository")
            .WithHint(
                "Set \"key\" to the key file. For a new repository, make one with \"agri_backup "
                "key "
                "create\".");
    AGRI_TRY(CheckKeyLocation(options.key_uri, options.data_directory, options.uri));
    return LoadUserKey(options.key_uri);
}

base::Result<Descriptor> ReadDescriptor(storage::Storage& storage) {
    auto text = storage.Get(layout::kDescriptor, kMaxDescriptorBytes);
    if (!text && text.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kNotInitialized, "{} is not initialised or not mounted",
                         storage.Describe())
            .WithDetail(fmt::format("There is no \"{}\" in it.", layout::kDescriptor))
            .WithHint(
                "Check the mount and the address. Only \"agri_backup init\" makes a repository.");
    if (!text) return std::move(text).error();
    return Descriptor::Parse(base::AsText(*text), storage.Describe());
}

base::Status CheckSealing(const Descriptor& descriptor, const RepositoryOptions& options,
                          const std::string& where) {
    bool plain = descriptor.sealing == codec::SealingMethod::kNone;
    if (plain == options.encryption_off) return {};
    if (plain)
        return MakeError(ErrorCode::kConfiguration, "{} is not encrypted, but a key is configured",
                         where)
            .WithDetail("Somebody may have replaced the repository or its descriptor.")
            .WithHint("If it is meant to be so, switch encryption off in the configuration.");
    return MakeError(ErrorCode::kConfiguration, "{} is encrypted, but no key is configured", where)
        .WithHint("Set \"key\" to the key file, and do not switch encryption off.");
}

// A new repository begins in an empty folder, or where an earlier init was cut off. False when
// there is a repository by now.
base::Result<bool> CheckVacant(storage::Storage& storage, const RepositoryOptions& options) {
    AGRI_ASSIGN(auto names, storage.Children(""));
    if (std::find(names.begin(), names.end(), layout::kDescriptor) != names.end()) return false;
    for (const std::string& name : names) {
        if (name == "keys" && !options.encryption_off) continue;
        if (name == "keys" || name == "clusters")
            return MakeError(ErrorCode::kConflict,
                             "{} holds \"{}\" of a repository, but no descriptor",
                             storage.Describe(), name)
                .WithHint(fmt::format(
                    "Bring \"{}\" back from a copy, or write it anew as docs/repository-format.md "
                    "says; or use an empty folder.",
                    layout::kDescriptor));
        return MakeError(ErrorCode::kConflict, "{} is not empty: it holds \"{}\"",
                         storage.Describe(), name)
            .WithHint("Use an empty folder for a new repository.");
    }
    return true;
}

// True when this call made the repository, false when another one stands there.
base::Result<bool> Make(storage::Storage& storage, const RepositoryOptions& options,
                        const codec::Secret& user_key, base::Random& random) {
    AGRI_ASSIGN(bool vacant, CheckVacant(storage, options));
    if (!vacant) return false;
    Keyring::First first;
    base::WallTime now = options.clock->Now();
    if (options.encryption_off) {
        random.Fill(first.repository_id);
    } else {
        AGRI_ASSIGN(first, Keyring::Create(storage, user_key, random, now));
    }
    Descriptor descriptor{
        first.repository_id,
        options.encryption_off ? codec::SealingMethod::kNone : codec::SealingMethod::kAes256Gcm,
        now};
    AGRI_ASSIGN(auto outcome,
                storage.Put(layout::kDescriptor, base::AsBytes(descriptor.Serialize())));
    if (outcome == storage::PutOutcome::kCreated) return true;
    AGRI_ASSIGN(Descriptor winner, ReadDescriptor(storage));
    // An init with another key was faster; our slot would only puzzle whoever looks at it.
    if (first.created && winner.repository_id != first.repository_id)
        (void)storage.Remove(first.slot_key);
    return false;
}

base::Error AsConflict(base::Error error, const std::string& where) {
    if (error.code != ErrorCode::kAuthentication && error.code != ErrorCode::kConfiguration)
        return error;
    return MakeError(ErrorCode::kConflict, "{} is already initialised, but not with these settings",
                     where)
        .WithDetail(fmt::format("Opening it says: {}.", error.message))
        .WithHint("Use its own key and settings, or another folder for a new repository.");
}

}  // namespace

base::Result<std::unique_ptr<Repository>> Repository::Init(
    std::unique_ptr<storage::Storage> storage, const RepositoryOptions& options,
    base::Random& random, bool& created) {
    created = false;
    AGRI_ASSIGN(codec::Secret user_key, LoadKey(options));
    AGRI_ASSIGN(auto present, storage->Stat(layout::kDescriptor));
    if (!present) {
        AGRI_ASSIGN(created, Make(*storage, options, user_key, random));
    }
    // Whoever wrote it may have died before it was durable.
    if (!created) AGRI_TRY(storage->EnsureDurable(layout::kDescriptor));
    std::string where = storage->Describe();
    auto opened = OpenWith(std::move(storage), options, user_key);
    if (!opened && !created) return AsConflict(std::move(opened).error(), where);
    return opened;
}

base::Result<std::unique_ptr<Repository>> Repository::Open(
    std::unique_ptr<storage::Storage> storage, const RepositoryOptions& options) {
    // Before the key: "not mounted" explains a missing key file better than the reverse.
    AGRI_TRY(ReadDescriptor(*storage));
    AGRI_ASSIGN(codec::Secret user_key, LoadKey(options));
    return OpenWith(std::move(storage), options, user_key);
}

base::Result<std::unique_ptr<Repository>> Repository::OpenWith(
    std::unique_ptr<storage::Storage> storage, const RepositoryOptions& options,
    const codec::Secret& user_key) {
    AGRI_ASSIGN(Descriptor descriptor, ReadDescriptor(*storage));
    AGRI_TRY(CheckSealing(descriptor, options, storage->Describe()));
    std::unique_ptr<Repository> repository(new Repository());
    repository->repository_id_ = descriptor.repository_id;
    repository->method_ = descriptor.sealing;
    if (descriptor.sealing == codec::SealingMethod::kAes256Gcm) {
        AGRI_ASSIGN(Keyring keyring, Keyring::Open(*storage, user_key, descriptor.repository_id));
        repository->keyring_ = std::make_unique<Keyring>(std::move(keyring));
    }
    repository->storage_ = std::move(storage);
    return repository;
}

base::Status Repository::CheckSame() const {
    AGRI_ASSIGN(const Descriptor there, ReadDescriptor(*storage_));
    if (there.repository_id == repository_id_) return {};
    return MakeError(ErrorCode::kConflict, "{} holds another repository than before",
                     storage_->Describe())
        .WithDetail("The repository was removed, and a new one was made in its place.")
        .WithHint("If that was meant, take a backup into the new one; else bring the former back.");
}

uint32_t Repository::current_key_version() const {
    return keyring_ ? keyring_->current_version() : 0;
}

size_t Repository::key_slot_count() const { return keyring_ ? keyring_->slot_count() : 0; }

ObjectHeader Repository::NewHeader(ObjectKind kind) const {
    return {.kind = kind,
            .sealing = method_,
            .key_version = current_key_version(),
            .repository_id = repository_id_,
            .salt = FreshSalt(base::SystemRandom())};
}

base::Result<codec::ObjectKey> Repository::KeyFor(const ObjectHeader& header,
                                                  std::string_view object_name) const {
    AGRI_TRY(CheckHeader(header, *this, object_name));
    if (method_ == codec::SealingMethod::kNone) return DeriveObjectKey(header, {}, object_name);
    if (const codec::Secret* key = keyring_->Find(header.key_version))
        return DeriveObjectKey(header, key->view(), object_name);
    return MakeError(ErrorCode::kAuthentication,
                     "object \"{}\" is sealed with version {} of the repository key, which the key "
                     "in use does not open",
                     object_name, header.key_version)
        .WithHint(
            "Use a key that has a slot for that version. If there is no such version, the "
            "object is damaged.");
}

}  // namespace agri::repo
