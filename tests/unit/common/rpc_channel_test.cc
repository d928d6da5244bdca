#include "common/rpc_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace ztshim::rpc {
namespace {

class RpcChannel : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    a_.reset(ends[0]);
    b_.reset(ends[1]);
  }

  UniqueFd a_, b_;
  std::array<std::uint8_t, 64> buffer_{};
};

TEST_F(RpcChannel, CarriesMessagesOneByOne) {
  ASSERT_TRUE(send_message(a_.get(), as_bytes("first")));
  ASSERT_TRUE(send_message(a_.get(), as_bytes("second one")));
  const auto first = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_TRUE(first);
  EXPECT_EQ(as_text(ByteView(buffer_).first(first->size)), "first");
  EXPECT_FALSE(first->descriptor);
  const auto second = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->size, 10u);
}

TEST_F(RpcChannel, PassesADescriptorThatIsClosedOnExec) {
  UniqueFd passed(::open("/dev/null", O_RDONLY));
  ASSERT_TRUE(send_message(a_.get(), as_bytes("x"), passed.get()));
  const auto received = receive_message(b_.get(), buffer_, Descriptors::Allow);
  ASSERT_TRUE(received);
  ASSERT_TRUE(received->descriptor);
  EXPECT_NE(received->descriptor.get(), passed.get());
  EXPECT_EQ(fcntl(received->descriptor.get(), F_GETFD), FD_CLOEXEC);
  struct stat sent {};
  struct stat got {};
  fstat(passed.get(), &sent);
  fstat(received->descriptor.get(), &got);
  EXPECT_EQ(sent.st_ino, got.st_ino);
}

TEST_F(RpcChannel, DropsDescriptorsThatAreNotWanted) {
  int pipe_ends[2];
  ASSERT_EQ(pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK), 0);
  UniqueFd reader(pipe_ends[0]);
  ASSERT_TRUE(send_message(a_.get(), as_bytes("x"), pipe_ends[1]));
  close(pipe_ends[1]);
  const auto received = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_TRUE(received);
  EXPECT_FALSE(received->descriptor);
  EXPECT_FALSE(received->lost_descriptor);
  char byte = 0;
  EXPECT_EQ(read(reader.get(), &byte, 1), 0);  // nobody holds the writing end any more
}

TEST_F(RpcChannel, SaysWhenADescriptorWasLostToTheLimit) {
  UniqueFd passed(::open("/dev/null", O_RDONLY));
  ASSERT_TRUE(send_message(a_.get(), as_bytes("x"), passed.get()));
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // Every number below the limit is taken up to the highest that is open.
  const rlimit none{static_cast<rlim_t>(passed.get()) + 1, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  std::vector<UniqueFd> fillers;
  for (int fd = dup(passed.get()); fd >= 0; fd = dup(passed.get())) fillers.emplace_back(fd);
  const auto received = receive_message(b_.get(), buffer_, Descriptors::Allow);
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_TRUE(received);
  EXPECT_TRUE(received->lost_descriptor);
  EXPECT_EQ(received->size, 1u);
}

TEST_F(RpcChannel, RefusesMessagesLongerThanTheBuffer) {
  const Bytes large(65);
  ASSERT_TRUE(send_message(a_.get(), large));
  const auto received = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error(), std::errc::message_size);
}

TEST_F(RpcChannel, TellsTheEndFromAnEmptyQueue) {
  fcntl(b_.get(), F_SETFL, O_NONBLOCK);
  const auto empty = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error(), std::errc::resource_unavailable_try_again);
  a_.reset();
  const auto end = receive_message(b_.get(), buffer_, Descriptors::Refuse);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->size, 0u);
  const auto sent = send_message(b_.get(), as_bytes("x"));  // and no SIGPIPE
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), std::errc::broken_pipe);
}

class ServiceSocket : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    const char* const base = std::getenv("TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/ztshim-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    home_ = root_;
    for (int i = 0; i < GetParam(); ++i) {
      home_ += "/a-folder-with-a-name-of-fifty-characters-exactly-42";
      ASSERT_EQ(mkdir(home_.c_str(), 0700), 0);
    }
  }
  void TearDown() override {
    unlink((home_ + "/service.sock").c_str());
    for (; home_ != root_; home_.resize(home_.rfind('/'))) rmdir(home_.c_str());
    rmdir(root_.c_str());
  }

  std::string root_, home_;
};

// A path longer than sockaddr_un has room for is an ordinary home, too.
TEST_P(ServiceSocket, IsFoundInItsHome) {
  const auto nobody = connect_to_service(home_.c_str());
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error(), std::errc::no_such_file_or_directory);

  UniqueFd listener(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  {
    const auto where = ServiceAddress::in_home(home_.c_str());
    ASSERT_TRUE(where);
    ASSERT_EQ(
        bind(listener.get(), reinterpret_cast<const sockaddr*>(&where->address), where->length), 0)
        << strerror(errno);
  }
  ASSERT_EQ(listen(listener.get(), 4), 0);
  EXPECT_EQ(access((home_ + "/service.sock").c_str(), F_OK), 0);
  const auto connection = connect_to_service(home_.c_str());
  ASSERT_TRUE(connection);
  UniqueFd accepted(accept(listener.get(), nullptr, nullptr));
  EXPECT_TRUE(accepted);

  listener.reset();
  const auto left_behind = connect_to_service(home_.c_str());
  ASSERT_FALSE(left_behind);
  EXPECT_EQ(left_behind.error(), std::errc::connection_refused);
}
INSTANTIATE_TEST_SUITE_P(Paths, ServiceSocket, ::testing::Values(0, 1, 5));

TEST(ServiceAddress, NeedsAHomeThatExists) {
  const std::string missing = "/nonexistent/" + std::string(200, 'x');
  const auto connection = connect_to_service(missing.c_str());
  ASSERT_FALSE(connection);
  EXPECT_EQ(connection.error(), std::errc::no_such_file_or_directory);
}

}  // namespace
}  // namespace ztshim::rpc
