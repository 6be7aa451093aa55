#include "worker/runtime_folder.hpp"

#include <fcntl.h>

#include "worker/worker_cluster.hpp"

namespace agri::test {
namespace {

// The working directory is the process's: tests that enter a data directory do it in a child.
int InDataDirectory(WorkerCluster& cluster, const std::function<bool()>& check) {
    Child child([&] {
        if (!worker::EnterDataDirectory(cluster.cluster().data())) return 2;
        return check() ? 0 : 1;
    });
    return child.AwaitExit().value_or(3);
}

TEST(RuntimeFolderTest, Enter_NewDataDirectory_MakesPrivateFolders) {
    WorkerCluster cluster;
    EXPECT_EQ(InDataDirectory(cluster, [] { return true; }), 0);
    struct stat info {};
    for (const char* folder : {"agri_backup", "agri_backup/state", "agri_backup/jobs"}) {
        ASSERT_EQ(stat(cluster.Path(folder).c_str(), &info), 0) << folder;
        EXPECT_EQ(info.st_mode & 0777, 0700u) << folder;
    }
}

TEST(RuntimeFolderTest, RemoveDeadJobs_DeadAndLivingJobs_KeepsTheLivingAndTheFresh) {
    WorkerCluster cluster;
    Child dead([] { return 0; });
    ASSERT_EQ(dead.AwaitExit(), 0);
    auto write = [&](const std::string& name, const std::string& text, int age_s) {
        const std::string path = "agri_backup/jobs/" + name;
        cluster.cluster().Write(path, text);
        timespec times[2] = {{time(nullptr) - age_s, 0}, {time(nullptr) - age_s, 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, cluster.Path(path).c_str(), times, 0), 0);
    };
    const std::string dead_pid = fmt::format(R"({{"pid":{}}})", dead.pid());
    write("dead.json", dead_pid, 120);
    write("fresh.json", dead_pid, 0);
    write("living.json", fmt::format(R"({{"pid":{}}})", getpid()), 120);
    write("old.rows.json", "[]", 7200);
    write("new.rows.json", "[]", 120);
    EXPECT_EQ(InDataDirectory(cluster,
                              [] {
                                  worker::RemoveDeadJobs();
                                  return true;
                              }),
              0);
    auto exists = [&](const std::string& name) {
        return std::filesystem::exists(cluster.Path("agri_backup/jobs/" + name));
    };
    EXPECT_FALSE(exists("dead.json"));
    EXPECT_TRUE(exists("fresh.json"));
    EXPECT_TRUE(exists("living.json"));
    EXPECT_FALSE(exists("old.rows.json"));
    EXPECT_TRUE(exists("new.rows.json"));
}

}  // namespace
}  // namespace agri::test
