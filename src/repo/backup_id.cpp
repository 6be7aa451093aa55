// Backup identifiers: "20261122T203501Z-full-3f9a". They stand in object keys and on command lines,
// so exactly this form is accepted and nothing is read out of it.
#include "repo/catalog.hpp"

namespace agri::repo {

namespace {

// Index: ManifestHeader::Kind.
constexpr std::array<std::string_view, 4> kKindWords = {"", "full", "incremental", "snapshot"};
constexpr std::string_view kTimePattern =
    "dddddddd"
    "Tdddddd"
    "Z-";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowerHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string NewBackupId(base::WallTime now, format::ManifestHeader::Kind kind,
                        base::Random& random) {
    std::array<std::byte, 2> unique;
    random.Fill(unique);
    const auto index = static_cast<size_t>(kind);
    const std::string_view word = kKindWords.at(index == 0 ? 1 : index);
    return fmt::format("{}-{}-{}", base::FormatTimeCompact(now), word, base::ToHex(unique));
}

bool IsValidBackupId(std::string_view id) {
    if (id.size() < kTimePattern.size()) return false;
    for (size_t i = 0; i < kTimePattern.size(); ++i)
        if (kTimePattern[i] == 'd' ? !IsDigit(id[i]) : id[i] != kTimePattern[i]) return false;
    id.remove_prefix(kTimePattern.size());
    const size_t dash = id.find('-');
    if (dash == std::string_view::npos || dash == 0 || id.size() != dash + 5) return false;
    bool is_known = false;
    for (const std::string_view word : kKindWords) is_known |= id.substr(0, dash) == word;
    for (const char c : id.substr(dash + 1)) is_known &= IsLowerHex(c);
    return is_known;
}

}  // namespace agri::repo
