// Byte helpers too large to inline. IsAllZero stands in the path of every block read, so it runs at
// memory speed; the hexadecimal forms are strict, because they name objects.
#include "base/bytes.hpp"

namespace agri::base {

namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

int NibbleOf(char character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

}  // namespace

bool IsAllZero(ByteView bytes) {
    // A range whose first bytes are zero, and which equals itself shifted by their number, is zero
    // throughout: that hands the work to the C library's vectorised memcmp.
    constexpr size_t kHead = 16;
    const size_t head = bytes.size() < kHead ? bytes.size() : kHead;
    for (size_t i = 0; i < head; ++i)
        if (bytes[i] != std::byte{0}) return false;
    if (bytes.size() <= kHead) return true;
    return std::memcmp(bytes.data(), bytes.data() + kHead, bytes.size() - kHead) == 0;
}

std::string ToHex(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (std::byte byte : bytes) {
        text.push_back(kDigits[std::to_integer<unsigned>(byte >> 4)]);
        text.push_back(kDigits[std::to_integer<unsigned>(byte & std::byte{15})]);
    }
    return text;
}

bool FromHex(std::string_view text, MutableBytes out) {
    if (text.size() % 2 != 0 || out.size() != text.size() / 2) return false;
    for (size_t i = 0; i < out.size(); ++i) {
        const int high = NibbleOf(text[2 * i]);
        const int low = NibbleOf(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::byte>(high << 4 | low);
    }
    return true;
}

}  // namespace agri::base
