#include "service/host/store_queue.h"

#include <gtest/gtest.h>

#include "tests/unit/host/temporary_folder.h"

namespace ztshim::host {
namespace {

const Time kStart{Duration(1'000'000)};

StoredObject peer(std::uint64_t address, Bytes content) {
  return {StoredKind::Peer, address, 0, false, std::move(content)};
}

class StoreQueueTest : public testing::Test {
 protected:
  std::size_t files() const { return store_.load_peers().size(); }

  TemporaryFolder folder_;
  StateStore store_{std::move(*HomeFiles::open(folder_ / "home"))};
  StoreQueue queue_{store_};
};

TEST_F(StoreQueueTest, NothingIsDueWhenNothingWaits) {
  EXPECT_EQ(queue_.next_deadline(), kNever);
  queue_.on_deadline(kStart);
}

TEST_F(StoreQueueTest, AnObjectIsWrittenWhenItsTimeHasComeAndNotBefore) {
  queue_.add(kStart, peer(1, {1}));
  EXPECT_GT(queue_.next_deadline(), kStart);
  queue_.on_deadline(kStart);
  EXPECT_EQ(files(), 0U);
  queue_.on_deadline(queue_.next_deadline());
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(queue_.next_deadline(), kNever);
}

TEST_F(StoreQueueTest, OfSeveralVersionsTheNewestIsWritten) {
  queue_.add(kStart, peer(1, {1}));
  const Time due = queue_.next_deadline();
  queue_.add(kStart + Duration(100), peer(1, {2}));
  EXPECT_EQ(queue_.next_deadline(), due)
      << "a stream of changes must not put the write off for good";
  queue_.on_deadline(due);
  EXPECT_EQ(store_.load_peers(), (std::vector<Bytes>{{2}}));
}

TEST_F(StoreQueueTest, ManyObjectsAreSpreadOverTurns) {
  for (std::uint64_t address = 1; address <= 10; ++address) queue_.add(kStart, peer(address, {1}));
  const Time due = queue_.next_deadline();
  queue_.on_deadline(due);
  EXPECT_GT(files(), 0U);
  EXPECT_LT(files(), 10U);
  for (int turn = 0; turn < 10; ++turn) queue_.on_deadline(due);
  EXPECT_EQ(files(), 10U);
}

TEST_F(StoreQueueTest, AFlushWritesEverythingAtOnce) {
  for (std::uint64_t address = 1; address <= 10; ++address) queue_.add(kStart, peer(address, {1}));
  queue_.flush();
  EXPECT_EQ(files(), 10U);
}

// The network and a member of it have records of the same key at times.
TEST_F(StoreQueueTest, KindsAndOwnersAreKeptApart) {
  const std::string record = R"({"id":"0000000001"})";
  for (const std::uint64_t network : {1U, 2U}) {
    queue_.add(kStart,
               {StoredKind::ControllerMember, 1, network, false, to_bytes(as_bytes(record))});
  }
  queue_.add(kStart, peer(1, {1}));
  queue_.flush();
  for (const std::uint64_t network : {1U, 2U}) {
    int count = 0;
    store_.read_members(NetworkId(network), [&count](Address, ByteView) {
      ++count;
      return std::string();
    });
    EXPECT_EQ(count, 1);
  }
  EXPECT_EQ(files(), 1U);
}

}  // namespace
}  // namespace ztshim::host
