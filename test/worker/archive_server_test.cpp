#include "worker/archive_server.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/no_descriptors.hpp"
#include "worker/peer.hpp"

namespace agri::worker {
namespace {

class ArchiveServerTest : public testing::Test {
   protected:
    ArchiveServerTest() {
        std::string pattern = testing::TempDir() + "agri_serverXXXXXX";
        folder_ = mkdtemp(pattern.data());
        EXPECT_TRUE(server_.Listen(path()).has_value());
    }
    ~ArchiveServerTest() override { std::filesystem::remove_all(folder_); }

    std::string path() const { return folder_ + "/socket"; }
    short ListenerEvents() const {
        std::vector<pollfd> polled;
        server_.AddTo(polled);
        return polled.at(0).events;
    }
    std::vector<ClientRequest> ServeOnce() {
        std::vector<pollfd> polled;
        server_.AddTo(polled);
        poll(polled.data(), polled.size(), 0);
        return server_.Serve(polled.data(), polled.data() + polled.size());
    }

    std::string folder_;
    ArchiveServer server_{spdlog::default_logger()};
};

TEST_F(ArchiveServerTest, Serve_NoDescriptorLeft_OneClientIsServedAndNobodyWakesTheLoop) {
    test::Peer archiver = test::Peer::Connect(path());
    test::Peer other = test::Peer::Connect(path());
    archiver.Send(Message("ARCHIVE"));
    other.Send(Message("REFRESH"));
    {
        const test::NoDescriptors none;
        ServeOnce();
        EXPECT_EQ(ListenerEvents(), 0) << "who cannot be accepted must not be polled for";
        auto requests = ServeOnce();
        ASSERT_EQ(requests.size(), 1u);
        EXPECT_EQ(requests[0].message.verb, "ARCHIVE");
        server_.Reply(requests[0].client, Message("FAILED"));
        EXPECT_EQ(archiver.Next().verb, "FAILED");
    }
    ServeOnce();
    EXPECT_EQ(ListenerEvents(), POLLIN);
    ServeOnce();
    auto requests = ServeOnce();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].message.verb, "REFRESH");
}

}  // namespace
}  // namespace agri::worker
