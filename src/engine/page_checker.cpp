#include "engine/page_checker.hpp"

#include <algorithm>
#include <tuple>

#include "base/file.hpp"

namespace agri::engine {

using repo::format::FileRoot;

namespace {

// OIDs of pg_default and pg_global (src/include/catalog/pg_tablespace.dat).
constexpr uint32_t kDefaultTablespace = 1663;
constexpr uint32_t kGlobalTablespace = 1664;

std::string_view TakePart(std::string_view& path) {
    const size_t slash = path.find('/');
    std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    return part;
}

// "<database>/<file>".
std::optional<RelationPlace> InDatabase(std::string_view path, uint32_t tablespace) {
    std::optional<uint32_t> database = ParseOid(TakePart(path));
    std::optional<RelationFileName> file = RelationFileName::Parse(path);
    if (!database || !file) return std::nullopt;
    return RelationPlace{*database, tablespace, *file};
}

}  // namespace

std::optional<RelationPlace> RelationPlace::Of(const FileRoot& root, std::string_view path) {
    if (root.kind() == FileRoot::TABLESPACE) {
        if (!TakePart(path).starts_with("PG_")) return std::nullopt;
        return InDatabase(path, root.oid());
    }
    if (root.kind() != FileRoot::DATA) return std::nullopt;
    const std::string_view folder = TakePart(path);
    if (folder == "base") return InDatabase(path, kDefaultTablespace);
    if (folder == "global") {
        std::optional<RelationFileName> file = RelationFileName::Parse(path);
        if (!file) return std::nullopt;
        return RelationPlace{0, kGlobalTablespace, *file};
    }
    if (folder != "pg_tblspc") return std::nullopt;
    std::optional<uint32_t> tablespace = ParseOid(TakePart(path));
    if (!tablespace || !TakePart(path).starts_with("PG_")) return std::nullopt;
    return InDatabase(path, *tablespace);
}

void PageChecker::Check(const Pages& pages, base::MutableBytes bytes) {
    const uint32_t size = options_.block_size;
    const uint64_t first =
        uint64_t{pages.place.file.segment} * options_.blocks_per_segment + pages.offset / size;
    const size_t count = bytes.size() / size;
    for (size_t i = 0; i < count; ++i) {
        base::MutableBytes page = bytes.subspan(i * size, size);
        const auto block = static_cast<uint32_t>(first + i);
        PageCheck check = CheckPage(page, block, options_.start);
        if (check.verdict == PageVerdict::kSound || check.verdict == PageVerdict::kNew) continue;
        // It may have been caught half written. Cut off meanwhile: replay drops it.
        auto again = base::ReadAt(pages.fd, pages.offset + i * size, page, pages.path);
        if (!again || *again < size) continue;
        check = CheckPage(page, block, options_.start);
        if (check.verdict == PageVerdict::kSound || check.verdict == PageVerdict::kNew) continue;
        Record({pages.place, pages.root, pages.path, block, check.expected, check.found, check.lsn},
               check.verdict);
    }
    pages_checked_ += count;
}

void PageChecker::Record(PageProblem problem, PageVerdict verdict) {
    std::lock_guard lock(mutex_);
    std::vector<PageProblem>& list = verdict == PageVerdict::kBroken ? problems_ : excused_;
    if (verdict == PageVerdict::kBroken) ++failures_;
    if (list.size() < kMaxListedPages) list.push_back(std::move(problem));
}

std::vector<PageProblem> PageChecker::TakeProblems(base::Lsn stop) {
    std::lock_guard lock(mutex_);
    // WAL is flushed before the page that it describes is written, so no page of a sound cluster
    // carries an address at or beyond the stop point.
    for (PageProblem& page : excused_) {
        if (page.lsn < stop) continue;
        ++failures_;
        if (problems_.size() < kMaxListedPages) problems_.push_back(std::move(page));
    }
    excused_.clear();
    std::sort(problems_.begin(), problems_.end(), [](const PageProblem& a, const PageProblem& b) {
        return std::tie(a.root, a.path, a.block) < std::tie(b.root, b.path, b.block);
    });
    return std::move(problems_);
}

}  // namespace agri::engine
