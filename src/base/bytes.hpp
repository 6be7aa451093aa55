// Byte views and buffers, and fixed-width little-endian access to them. The on-disk format is
// little-endian throughout (docs/repository-format.md); nothing else encodes integers by hand.
#pragma once

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agri::base {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;
using Bytes = std::vector<std::byte>;

inline ByteView AsBytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Unaligned little-endian load; the caller guarantees sizeof(T) readable bytes.
template <std::unsigned_integral T>
T LoadLe(const void* from) {
    static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}
// Unaligned little-endian store; the caller guarantees sizeof(T) writable bytes.
template <std::unsigned_integral T>
void StoreLe(void* to, T value) {
    static_assert(std::endian::native == std::endian::little, "big-endian hosts are not supported");
    std::memcpy(to, &value, sizeof(T));
}

// True when every byte is zero; vectorised, stops at the first other byte.
bool IsAllZero(ByteView bytes);

// The first `bytes` of a buffer that only grows, so that reusing it does not clear it anew.
inline MutableBytes Room(Bytes& buffer, size_t bytes) {
    if (buffer.size() < bytes) buffer.resize(bytes);
    return MutableBytes(buffer).first(bytes);
}

// Lower-case hexadecimal.
std::string ToHex(ByteView bytes);
// Parses exactly text.size()/2 bytes; false for an odd length or another character.
bool FromHex(std::string_view text, MutableBytes out);

}  // namespace agri::base
