// Segments that turned out damaged or foreign while targets were searched. They tell nothing, so
// the search goes on without them; whether recovery can do so as well is the plan's to say.
#pragma once

#include <map>
#include <mutex>
#include <vector>

#include "base/error.hpp"
#include "engine/segment_path.hpp"

namespace agri::engine {

struct DamagedSegment {
    base::SegmentId segment;
    base::Error error;
};

// Thread-safe.
class SegmentDamage {
   public:
    void Note(base::SegmentId segment, const base::Error& error) {
        std::lock_guard lock(mutex_);
        errors_.insert_or_assign(segment, error);
    }
    std::vector<DamagedSegment> All() const {
        std::lock_guard lock(mutex_);
        std::vector<DamagedSegment> found;
        for (const auto& [segment, error] : errors_) found.push_back({segment, error});
        return found;
    }
    // Those of the path with numbers in [first, end), ascending.
    std::vector<DamagedSegment> On(const SegmentPath& path, uint64_t first, uint64_t end) const {
        std::vector<DamagedSegment> found = All();
        std::erase_if(found, [&](const DamagedSegment& one) {
            const uint64_t number = one.segment.number;
            const uint64_t index = path.LowerBound(number);
            return number < first || end <= number || index == path.size() ||
                   path.At(index) != one.segment;
        });
        return found;
    }

   private:
    mutable std::mutex mutex_;
    std::map<base::SegmentId, base::Error> errors_;
};

}  // namespace agri::engine
