// What a key may look like: the common ground of file names and object storage's keys.
#include "storage/keys.hpp"

#include <algorithm>
#include <string>

#include "storage/storage.hpp"

namespace agri::storage {

using base::ErrorCode;
using base::MakeError;

namespace {

constexpr size_t kMaxKeyBytes = 1024;  // S3's limit
constexpr size_t kMaxPartBytes = 255;  // NAME_MAX

bool IsKeyCharacter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool IsValidPart(std::string_view part) {
    return !part.empty() && part.size() <= kMaxPartBytes && part.front() != '.' &&
           std::all_of(part.begin(), part.end(), IsKeyCharacter);
}

// A refused key is of unknown origin: it goes into a message shortened and free of control
// characters.
std::string Printable(std::string_view key) {
    std::string out(key.substr(0, 80));
    for (char& c : out)
        if (!IsKeyCharacter(c) && c != '/') c = '?';
    return out;
}

}  // namespace

bool IsValidKey(std::string_view key) {
    if (key.size() > kMaxKeyBytes) return false;
    while (true) {
        size_t slash = key.find('/');
        if (!IsValidPart(key.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        key.remove_prefix(slash + 1);
    }
}

base::Status CheckKey(std::string_view key) {
    if (IsValidKey(key)) return {};
    return MakeError(ErrorCode::kInvalidArgument, "invalid object key \"{}\"", Printable(key));
}

base::Status CheckPrefix(std::string_view prefix) {
    if (prefix.empty()) return {};
    if (prefix.back() == '/' && IsValidKey(prefix.substr(0, prefix.size() - 1))) return {};
    return MakeError(ErrorCode::kInvalidArgument, "invalid folder prefix \"{}\"",
                     Printable(prefix));
}

}  // namespace agri::storage
