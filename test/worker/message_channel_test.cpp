#include "worker/message_channel.hpp"

#include "worker/peer.hpp"

namespace agri::worker {
namespace {

class MessageChannelTest : public testing::Test {
   protected:
    MessageChannelTest() : MessageChannelTest(test::SocketPair()) {}
    explicit MessageChannelTest(std::pair<base::Fd, base::Fd> ends)
        : peer_(std::move(ends.first)),
          channel_(std::move(ends.second), {.input_bytes = 1024, .output_bytes = 4096}) {}

    test::Peer peer_;
    MessageChannel channel_;
};

TEST_F(MessageChannelTest, Next_TwoMessagesInPieces_BothWhole) {
    const std::string bytes = base::wire::Encode(Message("ONE").Set("a", "1")) +
                              base::wire::Encode(Message("TWO").Set("b", ""));
    peer_.SendBytes(bytes.substr(0, 5));
    ASSERT_TRUE(channel_.Receive().has_value());
    EXPECT_FALSE(channel_.Next()->has_value());
    peer_.SendBytes(bytes.substr(5));
    ASSERT_TRUE(channel_.Receive().has_value());
    EXPECT_EQ((*channel_.Next())->Get("a"), "1");
    EXPECT_EQ((*channel_.Next())->verb, "TWO");
    EXPECT_FALSE(channel_.Next()->has_value());
}

TEST_F(MessageChannelTest, Next_AnnouncesMoreThanTheLimit_Refused) {
    peer_.SendBytes(std::string("\0\0\1\0", 4) + std::string(1020, 'x'));
    ASSERT_TRUE(channel_.Receive().has_value());
    auto next = channel_.Next();
    ASSERT_FALSE(next.has_value());
    EXPECT_EQ(next.error().code, base::ErrorCode::kInvalidArgument);
}

TEST_F(MessageChannelTest, Send_PeerDoesNotRead_FailsBeforeMemoryGrows) {
    base::Status sent;
    for (int i = 0; i < 100000 && sent; ++i)
        sent = channel_.Send(Message("WORKING").Set("text", std::string(1000, 'x')));
    ASSERT_FALSE(sent.has_value());
    EXPECT_EQ(sent.error().code, base::ErrorCode::kNoSpace);
}

TEST_F(MessageChannelTest, Failed_EveryPart_ComesBackEqual) {
    auto error = base::Error(base::ErrorCode::kNoSpace, "full").WithDetail("D.").WithHint("H.");
    const base::Error back = ErrorOf(FailedMessage(error));
    EXPECT_EQ(back.code, error.code);
    EXPECT_EQ(back.ToString(), error.ToString());
}

}  // namespace
}  // namespace agri::worker
