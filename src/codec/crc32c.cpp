// CRC-32C (Castagnoli): the processor's instruction where there is one, tables elsewhere. Behind it
// stands arithmetic on polynomials over GF(2) modulo P, bit-reversed as the CRC is: bit 31 is the
// coefficient of x^0. Appending n bytes multiplies a CRC's register by x^(8n) mod P; that joins the
// CRCs of two pieces, and the three lanes of the fast path, without touching the bytes again.
#include "codec/digest.hpp"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace agri::codec {

namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;
constexpr uint32_t kOne = uint32_t{1} << 31;

constexpr uint32_t TimesX(uint32_t a) { return (a >> 1) ^ ((a & 1) != 0 ? kPolynomial : 0); }

// a * b mod P.
constexpr uint32_t Multiply(uint32_t a, uint32_t b) {
    uint32_t product = 0;
    for (uint32_t bit = kOne; bit != 0; bit >>= 1) {
        if ((a & bit) != 0) product ^= b;
        b = TimesX(b);
    }
    return product;
}

// Entry k is x^(8 * 2^k) mod P: what appending 2^k bytes multiplies by.
constexpr auto kAppendPowerOfTwo = [] {
    std::array<uint32_t, 64> powers{};
    powers[0] = kOne >> 8;
    for (size_t k = 1; k < powers.size(); ++k) powers[k] = Multiply(powers[k - 1], powers[k - 1]);
    return powers;
}();

// x^(8 * bytes) mod P.
constexpr uint32_t Append(uint64_t bytes) {
    uint32_t product = kOne;
    for (size_t k = 0; bytes != 0; ++k, bytes >>= 1)
        if ((bytes & 1) != 0) product = Multiply(product, kAppendPowerOfTwo[k]);
    return product;
}

using ByteTables = std::array<std::array<uint32_t, 256>, 8>;

// Entry [k][b] is the register after byte b and k zero bytes ("slicing by eight").
constexpr ByteTables kTables = [] {
    ByteTables tables{};
    for (uint32_t byte = 0; byte < 256; ++byte) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; ++bit) remainder = TimesX(remainder);
        tables[0][byte] = remainder;
    }
    for (size_t k = 1; k < 8; ++k)
        for (size_t byte = 0; byte < 256; ++byte) {
            const uint32_t before = tables[k - 1][byte];
            tables[k][byte] = (before >> 8) ^ tables[0][before & 255];
        }
    return tables;
}();

uint32_t UpdateByTable(uint32_t state, base::ByteView data) {
    while (data.size() >= 8) {
        const uint64_t word = base::LoadLe<uint64_t>(data.data()) ^ state;
        state = 0;
        for (size_t i = 0; i < 8; ++i) state ^= kTables[7 - i][(word >> (8 * i)) & 255];
        data = data.subspan(8);
    }
    for (std::byte byte : data)
        state = (state >> 8) ^ kTables[0][(state ^ std::to_integer<uint32_t>(byte)) & 255];
    return state;
}

#if defined(__x86_64__)

// Multiplication by x^(8 * kBytes), a byte of the register at a time.
template <size_t kBytes>
struct Shift {
    static constexpr auto kTable = [] {
        std::array<std::array<uint32_t, 256>, 4> table{};
        for (uint32_t position = 0; position < 4; ++position)
            for (uint32_t byte = 0; byte < 256; ++byte)
                table[position][byte] = Multiply(Append(kBytes), byte << (8 * position));
        return table;
    }();
    static uint32_t Of(uint32_t state) {
        return kTable[0][state & 255] ^ kTable[1][(state >> 8) & 255] ^
               kTable[2][(state >> 16) & 255] ^ kTable[3][state >> 24];
    }
};

// The instruction takes three cycles but a new one may start in each: three independent lanes keep
// it busy. Consumes whole triples of lanes from the front of `data`.
template <size_t kLane>
__attribute__((target("sse4.2"))) uint32_t UpdateByLanes(uint32_t state, base::ByteView& data) {
    while (data.size() >= 3 * kLane) {
        const std::byte* at = data.data();
        uint64_t first = state, second = 0, third = 0;
        for (size_t i = 0; i < kLane; i += 8) {
            first = _mm_crc32_u64(first, base::LoadLe<uint64_t>(at + i));
            second = _mm_crc32_u64(second, base::LoadLe<uint64_t>(at + kLane + i));
            third = _mm_crc32_u64(third, base::LoadLe<uint64_t>(at + 2 * kLane + i));
        }
        state = Shift<kLane>::Of(static_cast<uint32_t>(first)) ^ static_cast<uint32_t>(second);
        state = Shift<kLane>::Of(state) ^ static_cast<uint32_t>(third);
        data = data.subspan(3 * kLane);
    }
    return state;
}

__attribute__((target("sse4.2"))) uint32_t UpdateByInstruction(uint32_t state,
                                                               base::ByteView data) {
    // Long lanes for chunks and segments, short ones for what is left and for WAL records.
    state = UpdateByLanes<2048>(state, data);
    state = UpdateByLanes<128>(state, data);
    for (; data.size() >= 8; data = data.subspan(8))
        state = static_cast<uint32_t>(_mm_crc32_u64(state, base::LoadLe<uint64_t>(data.data())));
    for (std::byte byte : data) state = _mm_crc32_u8(state, std::to_integer<uint8_t>(byte));
    return state;
}

#endif

using UpdateFunction = uint32_t (*)(uint32_t, base::ByteView);

UpdateFunction FastestUpdate() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) return UpdateByInstruction;
#endif
    return UpdateByTable;
}

}  // namespace

uint32_t Crc32c(uint32_t crc, base::ByteView data) {
    static const UpdateFunction update = FastestUpdate();
    return ~update(~crc, data);
}

uint32_t Crc32cPortable(uint32_t crc, base::ByteView data) { return ~UpdateByTable(~crc, data); }

uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
    // The two inversions, at the start and the end of each CRC, cancel out.
    return Multiply(Append(length_b), crc_a) ^ crc_b;
}

uint32_t Crc32cOfZeros(uint64_t length) { return ~Multiply(Append(length), ~uint32_t{0}); }

}  // namespace agri::codec
