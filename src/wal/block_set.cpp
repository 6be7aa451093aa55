#include "wal/block_set.hpp"

#include <algorithm>
#include <bit>

namespace agri::wal {
namespace {

constexpr size_t kListLimit = 1024;  // 2 KiB, a quarter of the bitmap
constexpr size_t kBitmapWords = (1u << 16) / 64;

constexpr uint64_t BitOf(uint16_t low) { return uint64_t{1} << (low % 64); }

}  // namespace

void BlockSet::Chunk::Insert(uint16_t low) {
    if (!bitmap.empty()) {
        bitmap[low / 64] |= BitOf(low);
        return;
    }
    // Blocks mostly come in ascending order.
    if (list.empty() || list.back() < low) {
        list.push_back(low);
    } else {
        const auto at = std::lower_bound(list.begin(), list.end(), low);
        if (*at == low) return;
        list.insert(at, low);
    }
    if (list.size() <= kListLimit) return;
    bitmap.resize(kBitmapWords);
    for (uint16_t each : list) bitmap[each / 64] |= BitOf(each);
    list = {};
}

void BlockSet::Chunk::EraseFrom(uint16_t limit) {
    list.erase(std::lower_bound(list.begin(), list.end(), limit), list.end());
    if (bitmap.empty()) return;
    bitmap[limit / 64] &= BitOf(limit) - 1;
    std::fill(bitmap.begin() + limit / 64 + 1, bitmap.end(), 0);
}

bool BlockSet::Chunk::Contains(uint16_t low) const {
    if (!bitmap.empty()) return (bitmap[low / 64] & BitOf(low)) != 0;
    return std::binary_search(list.begin(), list.end(), low);
}

bool BlockSet::Chunk::IsEmpty() const {
    return list.empty() &&
           std::all_of(bitmap.begin(), bitmap.end(), [](uint64_t word) { return word == 0; });
}

void BlockSet::Chunk::AppendTo(uint32_t high, std::vector<uint32_t>& blocks) const {
    for (uint16_t low : list) blocks.push_back(high << 16 | low);
    for (size_t i = 0; i < bitmap.size(); ++i) {
        for (uint64_t word = bitmap[i]; word != 0; word &= word - 1)
            blocks.push_back(high << 16 | static_cast<uint32_t>(i * 64 + std::countr_zero(word)));
    }
}

void BlockSet::Insert(uint32_t block) {
    chunks_[static_cast<uint16_t>(block >> 16)].Insert(static_cast<uint16_t>(block));
}

void BlockSet::Merge(const BlockSet& other) {
    for (uint32_t block : other.Blocks()) Insert(block);
}

void BlockSet::EraseFrom(uint32_t limit) {
    const auto high = static_cast<uint16_t>(limit >> 16);
    chunks_.erase(chunks_.upper_bound(high), chunks_.end());
    const auto boundary = chunks_.find(high);
    if (boundary == chunks_.end()) return;
    boundary->second.EraseFrom(static_cast<uint16_t>(limit));
    if (boundary->second.IsEmpty()) chunks_.erase(boundary);
}

bool BlockSet::Contains(uint32_t block) const {
    const auto chunk = chunks_.find(static_cast<uint16_t>(block >> 16));
    return chunk != chunks_.end() && chunk->second.Contains(static_cast<uint16_t>(block));
}

uint64_t BlockSet::Count() const {
    uint64_t count = 0;
    for (const auto& [high, chunk] : chunks_) {
        count += chunk.list.size();
        for (uint64_t word : chunk.bitmap) count += std::popcount(word);
    }
    return count;
}

std::vector<uint32_t> BlockSet::Blocks() const {
    std::vector<uint32_t> blocks;
    for (const auto& [high, chunk] : chunks_) chunk.AppendTo(high, blocks);
    return blocks;
}

}  // namespace agri::wal
