// The packs that a manifest rests on, by id. References are checked as they come in, so that
// whoever looks one up may believe its lengths.
#include <map>

#include "repo/pack.hpp"
#include "repo/pack_format.hpp"
#include "repo/pack_verifier.hpp"

namespace agri::repo {

using base::ErrorCode;
using base::MakeError;

struct PackStore::State {
    const Incarnation& incarnation;
    std::map<PackId, format::PackRef> packs;
};

PackStore::PackStore(const Incarnation& incarnation)
    : state_(std::make_unique<State>(State{incarnation, {}})) {}
PackStore::~PackStore() = default;
PackStore::PackStore(PackStore&&) noexcept = default;

base::Status PackStore::Add(const format::PackRef& pack) {
    AGRI_TRY(CheckPackRef(pack));
    const PackId id = *ToPackId(pack.pack_id());
    const auto [place, is_new] = state_->packs.try_emplace(id, pack);
    const format::PackRef& known = place->second;
    if (!is_new && (known.length() != pack.length() || known.digest() != pack.digest() ||
                    known.header() != pack.header()))
        return MakeError(ErrorCode::kCorrupt, "two references to pack {} contradict each other",
                         base::ToHex(id));
    return {};
}

size_t PackStore::size() const { return state_->packs.size(); }

const format::PackRef* PackStore::Find(const PackId& pack) const {
    const auto place = state_->packs.find(pack);
    return place == state_->packs.end() ? nullptr : &place->second;
}

std::vector<PackId> PackStore::packs() const {
    std::vector<PackId> ids;
    ids.reserve(state_->packs.size());
    for (const auto& [id, ref] : state_->packs) ids.push_back(id);
    return ids;
}

const Incarnation& PackStore::incarnation() const { return state_->incarnation; }

std::vector<base::Error> PackStore::VerifyPack(const PackId& pack) const {
    const format::PackRef* ref = Find(pack);
    if (ref == nullptr)
        return {MakeError(ErrorCode::kInternal, "pack {} is not among those to verify",
                          base::ToHex(pack))};
    return PackVerifier(state_->incarnation, *ref).Run();
}

}  // namespace agri::repo
