// Reads one pack from end to end and collects everything that is wrong with it. It never holds more
// than a few frames, however long the object claims to be.
#pragma once

#include <string>
#include <vector>

#include "repo/pack_format.hpp"

namespace agri::repo {

// One use, one thread. The incarnation and the reference, a checked one, must outlive it.
class PackVerifier {
   public:
    PackVerifier(const Incarnation& incarnation, const format::PackRef& ref);
    ~PackVerifier();
    // Every problem found, each naming the pack; empty when it is sound.
    std::vector<base::Error> Run();

   private:
    class Window;

    base::Status OpenPack();
    base::Status ReadFooter();
    void CheckStream();
    base::Status CheckHeader(Window& window);
    base::Status CheckFrames(Window& window);
    // One frame's content and, when the footer is known, what it says of it.
    base::Status CheckFrame(base::ByteView frame, const FrameHeader& header, uint32_t index,
                            uint64_t offset);
    base::MutableBytes PlainRoom(size_t bytes);
    void Report(base::Error problem);

    const Incarnation& incarnation_;
    const format::PackRef& ref_;
    const std::string name_;
    std::unique_ptr<storage::ObjectReader> reader_;
    std::unique_ptr<codec::ObjectKey> key_;
    FrameCoder coder_{kNoCompression};
    base::Bytes plain_;
    std::optional<PackTrailer> trailer_;
    std::optional<format::PackFooter> footer_;
    std::vector<base::Error> problems_;
};

}  // namespace agri::repo
