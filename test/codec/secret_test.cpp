// Memory for keys: codec/secret.hpp.
#include "codec/secret.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace agri::codec {
namespace {

using base::AsBytes;
using base::AsText;

// The VmFlags of the mapping that holds the address.
std::string MappingFlags(const void* address) {
    std::ifstream maps("/proc/self/smaps");
    const auto wanted = reinterpret_cast<uintptr_t>(address);
    bool inside = false;
    for (std::string line; std::getline(maps, line);) {
        uintptr_t start, end;
        if (sscanf(line.c_str(), "%lx-%lx ", &start, &end) == 2)
            inside = start <= wanted && wanted < end;
        else if (inside && line.starts_with("VmFlags:"))
            return line + " ";
    }
    return "";
}

TEST(Secret, FromBytes_HoldsItsOwnCopy) {
    std::string source = "key material";
    const Secret secret(AsBytes(source));
    source.assign(source.size(), 'x');
    EXPECT_EQ(AsText(secret.view()), "key material");
}

TEST(Secret, OfASize_StartsZeroed) {
    Secret secret(10000);
    EXPECT_EQ(secret.view().size(), 10000U);
    EXPECT_TRUE(base::IsAllZero(secret.view()));
    secret.mutable_view().back() = std::byte{1};
}

TEST(Secret, Memory_IsKeptOutOfCoreDumps) {
    const Secret secret(AsBytes("key"));
    EXPECT_NE(MappingFlags(secret.view().data()).find(" dd "), std::string::npos);
}

TEST(Secret, Empty_HasNoMemory) {
    const Secret none, of_no_size(size_t{0}), of_nothing(base::ByteView{});
    EXPECT_TRUE(none.empty());
    EXPECT_TRUE(of_no_size.empty());
    EXPECT_TRUE(of_nothing.Clone().empty());
}

TEST(Secret, Moved_LeavesTheSourceEmpty) {
    Secret source(AsBytes("key"));
    const Secret target(std::move(source));
    EXPECT_EQ(AsText(target.view()), "key");
    EXPECT_TRUE(source.empty());
}

TEST(Secret, MoveAssigned_HoldsTheNewValueOnly) {
    Secret target(AsBytes("old"));
    {
        Secret source(AsBytes("new key"));
        target = std::move(source);
        EXPECT_TRUE(source.empty());
    }
    EXPECT_EQ(AsText(target.view()), "new key");
}

TEST(Secret, Clone_IsIndependent) {
    Secret original(AsBytes("key"));
    const Secret clone = original.Clone();
    original.mutable_view()[0] = std::byte{'x'};
    EXPECT_EQ(AsText(clone.view()), "key");
}

}  // namespace
}  // namespace agri::codec
