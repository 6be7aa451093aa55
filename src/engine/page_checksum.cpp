// The page is a table of 32-bit words, 32 to a row; every column is hashed on its own, so a row is
// a few vector operations: wide ones where the processor has AVX2.
#include "engine/page_checksum.hpp"

namespace agri::engine {

namespace {

constexpr size_t kColumns = 32;
constexpr size_t kRowBytes = kColumns * sizeof(uint32_t);
constexpr uint32_t kPrime = 16777619;

// Fields of PageHeaderData (src/include/storage/bufpage.h).
constexpr size_t kLsnHighOffset = 0;
constexpr size_t kLsnLowOffset = 4;
constexpr size_t kChecksumOffset = 8;
constexpr size_t kUpperOffset = 14;

// The columns' start values: arbitrary, but part of the algorithm.
constexpr uint32_t kStart[kColumns] = {
    0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
    0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
    0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
    0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756};

// Eight columns. Written as vectors rather than left to the compiler, which else copies every row
// through the stack. Those of a page need not be aligned.
constexpr size_t kLanes = 8;
using Lanes [[gnu::vector_size(kLanes * sizeof(uint32_t))]] = uint32_t;
constexpr size_t kVectors = kColumns / kLanes;

// `first_row` stands for the page's own, whose checksum field does not count.
[[gnu::always_inline]] inline uint32_t HashRows(const std::byte* page, size_t rows,
                                                const std::byte* first_row) {
    Lanes sums[kVectors];
    std::memcpy(sums, kStart, sizeof(sums));
    for (size_t row = 0; row < rows; ++row) {
        const std::byte* from = row == 0 ? first_row : page + row * kRowBytes;
        for (size_t i = 0; i < kVectors; ++i) {
            Lanes words;
            std::memcpy(&words, from + i * sizeof(words), sizeof(words));
            const Lanes mixed = sums[i] ^ words;
            sums[i] = (mixed * kPrime) ^ (mixed >> 17);
        }
    }
    for (int round = 0; round < 2; ++round)
        for (size_t i = 0; i < kVectors; ++i) sums[i] = (sums[i] * kPrime) ^ (sums[i] >> 17);
    for (size_t i = 1; i < kVectors; ++i) sums[0] ^= sums[i];
    uint32_t folded = 0;
    for (size_t i = 0; i < kLanes; ++i) folded ^= sums[0][i];
    return folded;
}

using HashFunction = uint32_t (*)(const std::byte*, size_t, const std::byte*);

uint32_t HashPortably(const std::byte* page, size_t rows, const std::byte* first_row) {
    return HashRows(page, rows, first_row);
}

#if defined(__x86_64__)
[[gnu::target("avx2")]] uint32_t HashByAvx2(const std::byte* page, size_t rows,
                                            const std::byte* first_row) {
    return HashRows(page, rows, first_row);
}
#endif

HashFunction FastestHash() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return HashByAvx2;
#endif
    return HashPortably;
}

}  // namespace

uint16_t PageChecksum(base::ByteView page, uint32_t block) {
    std::byte first_row[kRowBytes];
    std::memcpy(first_row, page.data(), kRowBytes);
    base::StoreLe<uint16_t>(first_row + kChecksumOffset, 0);
    static const HashFunction hash_page = FastestHash();
    const uint32_t hash = hash_page(page.data(), page.size() / kRowBytes, first_row) ^ block;
    // Never 0, so that a page without checksum cannot look right.
    return static_cast<uint16_t>(hash % 65535 + 1);
}

PageCheck CheckPage(base::ByteView page, uint32_t block, base::Lsn start) {
    PageCheck check;
    if (base::LoadLe<uint16_t>(page.data() + kUpperOffset) == 0) {
        check.verdict = PageVerdict::kNew;
        return check;
    }
    check.found = base::LoadLe<uint16_t>(page.data() + kChecksumOffset);
    check.expected = PageChecksum(page, block);
    if (check.found == check.expected) return check;
    check.lsn.value = uint64_t{base::LoadLe<uint32_t>(page.data() + kLsnHighOffset)} << 32 |
                      base::LoadLe<uint32_t>(page.data() + kLsnLowOffset);
    check.verdict = check.lsn >= start ? PageVerdict::kRecent : PageVerdict::kBroken;
    return check;
}

}  // namespace agri::engine
