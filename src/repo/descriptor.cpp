// Strict both ways: a member that is unknown, missing, doubled or of another type is damage,
// because every addition to the descriptor raises its format.
#include "repo/descriptor.hpp"

#include "base/json.hpp"
#include "repo/layout.hpp"

namespace agri::repo {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kSealed = "aes-256-gcm";
constexpr std::string_view kPlain = "none";

base::Error DamagedDescriptor(std::string_view where, std::string_view problem) {
    return base::MakeError(base::ErrorCode::kCorrupt, "descriptor \"{}\" of {} is damaged: {}",
                           layout::kDescriptor, where, problem)
        .WithHint(
            "Bring it back from a copy, or write it anew as docs/repository-format.md says; the "
            "backups themselves are not touched by this.");
}

const std::string* TextMember(const Json& json, const char* name) {
    auto found = json.find(name);
    return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace

std::string Descriptor::Serialize() const {
    // In the order that people read, and to the byte; no value here has anything to escape.
    return fmt::format(
        "{{\n  \"format\": {},\n  \"repository_id\": \"{}\",\n  \"sealing\": \"{}\",\n"
        "  \"created\": \"{}\"\n}}\n",
        kRepositoryFormat, base::ToHex(repository_id),
        sealing == codec::SealingMethod::kNone ? kPlain : kSealed, base::FormatTime(created));
}

base::Result<Descriptor> Descriptor::Parse(std::string_view text, std::string_view where) {
    const Json json = base::ParseJson(text);
    if (!json.is_object()) return DamagedDescriptor(where, "it is not one JSON object");
    const auto member = json.find("format");
    if (member == json.end() || !member->is_number_unsigned())
        return DamagedDescriptor(where, "it says no format");
    const auto format = member->get<uint64_t>();
    if (format == 0) return DamagedDescriptor(where, "it says no format");
    if (format > kRepositoryFormat)
        return base::MakeError(base::ErrorCode::kUnsupported,
                               "repository format {} is newer than this program understands ({})",
                               format, kRepositoryFormat)
            .WithDetail(fmt::format("The repository is {}. Nothing was changed there.", where))
            .WithHint("Upgrade agri_backup on this machine.");
    const std::string* id = TextMember(json, "repository_id");
    const std::string* sealing = TextMember(json, "sealing");
    const std::string* created = TextMember(json, "created");
    if (!id || !sealing || !created || json.size() != 4)
        return DamagedDescriptor(where, "its members are not those of format 1");
    Descriptor descriptor;
    if (!base::FromHex(*id, descriptor.repository_id))
        return DamagedDescriptor(where, "its repository id is not 32 hex digits");
    if (*sealing != kSealed && *sealing != kPlain)
        return DamagedDescriptor(where, "its sealing is unknown");
    descriptor.sealing =
        *sealing == kPlain ? codec::SealingMethod::kNone : codec::SealingMethod::kAes256Gcm;
    auto time = base::ParseTimeWithOffset(*created);
    if (!time) return DamagedDescriptor(where, "its time of creation is not one");
    descriptor.created = *time;
    return descriptor;
}

}  // namespace agri::repo
