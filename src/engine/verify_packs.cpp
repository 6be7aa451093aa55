#include "engine/verify_packs.hpp"

#include "engine/parallel.hpp"
#include "repo/pack_format.hpp"

namespace agri::engine {

using base::ErrorCode;
using base::MakeError;
using base::Status;

namespace {

// Presence, length and footer, for a few reads a pack: the footer opens only with the repository's
// key and under the pack's own name.
Status CheckPackEnds(const repo::Incarnation& incarnation, const repo::format::PackRef& ref,
                     const std::string& name) {
    auto reader = incarnation.repository().storage().Open(name);
    if (!reader && reader.error().code == ErrorCode::kNotFound)
        return MakeError(ErrorCode::kCorrupt, "the pack is missing");
    if (!reader) return std::move(reader).error();
    const uint64_t size = (*reader)->size_bytes();
    if (size != ref.length())
        return MakeError(ErrorCode::kCorrupt, "the pack has {} bytes instead of {}", size,
                         ref.length());
    std::array<std::byte, repo::kObjectHeaderBytes> head;
    std::array<std::byte, repo::kPackTrailerBytes> end;
    AGRI_TRY((*reader)->Read(0, head));
    if (base::AsText(head) != ref.header())
        return MakeError(ErrorCode::kCorrupt, "the header is not the one written");
    AGRI_TRY((*reader)->Read(size - end.size(), end));
    AGRI_ASSIGN(const repo::PackTrailer trailer, repo::PackTrailer::Decode(end));
    const uint64_t footer_end = size - end.size();
    if (trailer.footer_offset < head.size() || trailer.footer_offset > footer_end ||
        footer_end - trailer.footer_offset >
            repo::kFrameOverheadBytes + repo::kMaxFramePlainBytes ||
        footer_end - trailer.footer_offset < repo::kFrameOverheadBytes)
        return MakeError(ErrorCode::kCorrupt, "the trailer points outside the pack");
    base::Bytes frame(footer_end - trailer.footer_offset);
    AGRI_TRY((*reader)->Read(trailer.footer_offset, frame));
    AGRI_ASSIGN(const repo::FrameHeader header,
                repo::FrameHeader::Decode(base::ByteView(frame).first(repo::kFrameHeaderBytes)));
    if (frame.size() != repo::kFrameOverheadBytes + header.stored_length)
        return MakeError(ErrorCode::kCorrupt, "the footer does not end at the trailer");
    AGRI_ASSIGN(const repo::ObjectHeader object, repo::ObjectHeader::Decode(head, name));
    AGRI_ASSIGN(const codec::ObjectKey key, incarnation.repository().KeyFor(object, name));
    base::Bytes plain(header.plain_length);
    repo::FrameCoder coder(1);
    AGRI_TRY(coder.Decode(key, trailer.footer_frame, frame, true, plain));
    AGRI_TRY(repo::ParsePackFooter(plain, trailer));
    return {};
}

}  // namespace

Status PackCollection::Add(const std::string& backup_id, const repo::PackStore& packs,
                           VerifyReport& report) {
    for (const repo::PackId& pack : packs.packs()) {
        const repo::format::PackRef& ref = *packs.Find(pack);
        Status added = store_.Add(ref);
        if (!added)
            AGRI_TRY(report.AddError(backup_id, incarnation_.keys().Pack(pack),
                                     std::move(added).error()));
        else if (backup_of_.try_emplace(pack, backup_id).second)
            bytes_ += ref.length();
    }
    return {};
}

Status PackCollection::VerifyOne(const repo::PackId& pack, const std::string& backup_id,
                                 VerifyLevel level, VerifyReport& report) const {
    const std::string name = incarnation_.keys().Pack(pack);
    if (level == VerifyLevel::kObjects) {
        Status checked = CheckPackEnds(incarnation_, *store_.Find(pack), name);
        return checked ? Status{} : report.AddError(backup_id, name, std::move(checked).error());
    }
    for (base::Error& problem : store_.VerifyPack(pack))
        AGRI_TRY(report.AddError(backup_id, name, std::move(problem)));
    return {};
}

Status PackCollection::Verify(VerifyLevel level, VerifyReport& report,
                              const Context& context) const {
    const std::vector<repo::PackId> packs = store_.packs();
    return ParallelFor(packs.size(), context.settings.EffectiveParallel(),
                       [&](uint64_t i) -> Status {
                           AGRI_TRY(context.cancel.Check());
                           AGRI_TRY(VerifyOne(packs[i], backup_of_.at(packs[i]), level, report));
                           if (level == VerifyLevel::kContents)
                               context.progress.bytes_done += store_.Find(packs[i])->length();
                           return {};
                       });
}

}  // namespace agri::engine
