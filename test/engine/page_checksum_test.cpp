// The checksum against values that PostgreSQL 15's own checksum_impl.h gave for the same pages, and
// which pages are judged.
#include "engine/page_checksum.hpp"

#include <gtest/gtest.h>

namespace agri::engine {
namespace {

base::Bytes Page() {
    base::Bytes page(8192);
    for (size_t i = 0; i < page.size(); ++i) page[i] = static_cast<std::byte>((i * 7 + 3) % 251);
    return page;
}

// A page with this LSN and a checksum that is right as block 5.
base::Bytes SoundPage(uint64_t lsn) {
    base::Bytes page = Page();
    base::StoreLe(page.data(), static_cast<uint32_t>(lsn >> 32));
    base::StoreLe(page.data() + 4, static_cast<uint32_t>(lsn));
    base::StoreLe(page.data() + 8, PageChecksum(page, 5));
    return page;
}

TEST(PageChecksum, KnownPage_EqualsPostgreSQL) {
    EXPECT_EQ(PageChecksum(Page(), 0), 19518);
    EXPECT_EQ(PageChecksum(Page(), 1), 19519);
    EXPECT_EQ(PageChecksum(Page(), 131072 + 77), 19453);
}

TEST(PageChecksum, UnalignedPage_IsTheSame) {
    base::Bytes shifted(8192 + 1);
    const base::Bytes page = Page();
    std::copy(page.begin(), page.end(), shifted.begin() + 1);
    EXPECT_EQ(PageChecksum(base::ByteView(shifted).subspan(1), 0), 19518);
}

TEST(CheckPage, SoundPage_Sound) {
    const base::Bytes page = SoundPage(0x1000);
    EXPECT_EQ(CheckPage(page, 5, base::Lsn{0x2000}).verdict, PageVerdict::kSound);
}

TEST(CheckPage, OtherBlock_Broken) {
    const base::Bytes page = SoundPage(0x1000);
    EXPECT_EQ(CheckPage(page, 6, base::Lsn{0x2000}).verdict, PageVerdict::kBroken);
}

TEST(CheckPage, FlippedBit_BrokenBeforeTheStartOnly) {
    base::Bytes page = SoundPage(0x1000);
    page[4000] ^= std::byte{1};
    const PageCheck check = CheckPage(page, 5, base::Lsn{0x1001});
    EXPECT_EQ(check.verdict, PageVerdict::kBroken);
    EXPECT_NE(check.expected, check.found);
    EXPECT_EQ(check.lsn.value, 0x1000u);
    EXPECT_EQ(CheckPage(page, 5, base::Lsn{0x1000}).verdict, PageVerdict::kRecent);
}

TEST(CheckPage, NeverInitialised_New) {
    const base::Bytes page(8192);
    EXPECT_EQ(CheckPage(page, 5, base::Lsn{0x2000}).verdict, PageVerdict::kNew);
}

}  // namespace
}  // namespace agri::engine
