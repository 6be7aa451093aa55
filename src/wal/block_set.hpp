// A set of block numbers: a few cost two bytes each, many cost a bit. A stretch of WAL touches one
// block in each of a hundred thousand relations as well as all blocks of one.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

namespace agri::wal {

class BlockSet {
   public:
    void Insert(uint32_t block);
    void Merge(const BlockSet& other);
    // Removes every block at or above `limit`.
    void EraseFrom(uint32_t limit);
    bool Contains(uint32_t block) const;
    bool IsEmpty() const { return chunks_.empty(); }
    uint64_t Count() const;
    // Ascending.
    std::vector<uint32_t> Blocks() const;

   private:
    // The blocks that share their number's high half: either a sorted list of the low halves or,
    // once that list is long, a bitmap of 2^16 bits.
    struct Chunk {
        std::vector<uint16_t> list;
        std::vector<uint64_t> bitmap;
        void Insert(uint16_t low);
        void EraseFrom(uint16_t limit);
        bool Contains(uint16_t low) const;
        bool IsEmpty() const;
        void AppendTo(uint32_t high, std::vector<uint32_t>& blocks) const;
    };
    // Never holds an empty chunk.
    std::map<uint16_t, Chunk> chunks_;
};

}  // namespace agri::wal
