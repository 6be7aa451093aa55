#include "engine/page_report.hpp"

#include <map>
#include <tuple>

#include "base/count.hpp"
#include "engine/walk_plan.hpp"

namespace agri::engine {

namespace {

constexpr size_t kLoggedPages = 50;

class RelationNames {
   public:
    explicit RelationNames(ClusterPort& cluster) : cluster_(cluster) {}
    const std::string& Of(const RelationPlace& place) {
        auto [known, is_new] =
            names_.try_emplace({place.database, place.tablespace, place.file.number});
        if (is_new)
            known->second =
                cluster_.RelationName(place.database, place.tablespace, place.file.number);
        return known->second;
    }

   private:
    ClusterPort& cluster_;
    std::map<std::tuple<uint32_t, uint32_t, uint32_t>, std::string> names_;
};

}  // namespace

std::vector<repo::format::PageFailure> ReportPageFailures(PageChecker& checker, base::Lsn stop,
                                                          ClusterPort& cluster, base::Logger& log) {
    std::vector<repo::format::PageFailure> failures;
    RelationNames names(cluster);
    for (const PageProblem& page : checker.TakeProblems(stop)) {
        repo::format::PageFailure& added = failures.emplace_back();
        added.set_root(page.root);
        added.set_path(page.path);
        added.set_block(page.block);
        added.set_expected(page.expected);
        added.set_found(page.found);
        added.set_relation(names.Of(page.place));
        if (failures.size() > kLoggedPages) continue;
        log.warn("checksum of block {} in file \"{}\" (relation {}) is {:04x}, expected {:04x}",
                 page.block, PrintablePath(page.path),
                 added.relation().empty() ? "unknown" : PrintablePath(added.relation()), page.found,
                 page.expected);
    }
    if (checker.failures() > kLoggedPages)
        log.warn("{} in all: wrong checksums", base::Count(checker.failures(), "page"));
    return failures;
}

}  // namespace agri::engine
