#include "worker/server_config.hpp"

#include "worker/worker_cluster.hpp"

namespace agri::worker {
namespace {

base::wire::Message With(base::wire::Message config, std::string_view name,
                         std::string_view value) {
    std::erase_if(config.fields, [&](const auto& field) { return field.first == name; });
    return config.Set(name, value);
}

class ServerConfigTest : public testing::Test {
   protected:
    test::WorkerCluster cluster_;
    const base::wire::Message config_ = cluster_.Config(4711);
};

TEST_F(ServerConfigTest, Parse_EveryField_Understood) {
    auto config = ServerConfig::Parse(With(config_, "memory_limit", "128MB"));
    ASSERT_TRUE(config.has_value());
    EXPECT_EQ(config->identity.system_identifier, test::kTestSystem);
    EXPECT_EQ(config->identity.major_version, 15u);
    EXPECT_EQ(config->identity.wal_segment_size, test::kTestSegmentBytes);
    EXPECT_EQ(config->postmaster_pid, 4711);
    ASSERT_TRUE(config->settings.has_value());
    EXPECT_EQ(config->settings->memory_limit_bytes, 128u << 20);
    EXPECT_EQ(config->settings->cluster, "main");
    EXPECT_EQ(config->LogLevel(), spdlog::level::off);
}

TEST_F(ServerConfigTest, Parse_ConfigurationFile_ServersSettingsWin) {
    cluster_.cluster().Write("agri.conf",
                             "cluster = field\nparallel = 7\n[repository main]\nuri = file:///x\n");
    auto config = ServerConfig::Parse(With(config_, "config_file", cluster_.Path("agri.conf")));
    ASSERT_TRUE(config->settings.has_value()) << config->settings.error().ToString();
    EXPECT_EQ(config->settings->cluster, "field");
    EXPECT_EQ(config->settings->parallel, 2u);
    EXPECT_EQ(config->settings->repositories[0].uri, cluster_.uri());
}

TEST_F(ServerConfigTest, Parse_BadSettings_KeptAsTheError) {
    auto config = ServerConfig::Parse(With(config_, "parallel", "many"));
    ASSERT_TRUE(config.has_value());
    ASSERT_FALSE(config->settings.has_value());
    EXPECT_EQ(config->settings.error().code, base::ErrorCode::kConfiguration);
}

TEST_F(ServerConfigTest, Parse_BadIdentity_Refused) {
    for (const char* name : {"data_directory", "system_identifier", "server_version_num",
                             "wal_segment_size", "postmaster_pid"}) {
        EXPECT_FALSE(ServerConfig::Parse(With(config_, name, "")).has_value()) << name;
        EXPECT_FALSE(ServerConfig::Parse(With(config_, name, "12x")).has_value()) << name;
    }
    EXPECT_FALSE(ServerConfig::Parse(With(config_, "wal_segment_size", "1048577")).has_value());
}

}  // namespace
}  // namespace agri::worker
