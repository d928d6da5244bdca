#include "service/host/home_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/host/home_lock.h"
#include "tests/unit/host/temporary_folder.h"

namespace ztshim::host {
namespace {

namespace fs = std::filesystem;

HomeFiles open_home(const std::string& path) {
  auto files = HomeFiles::open(path);
  EXPECT_TRUE(files) << files.error();
  return std::move(*files);
}

TEST(HomeFiles, ANewHomeIsPrivate) {
  const TemporaryFolder folder;
  open_home(folder / "a/b/home");
  EXPECT_EQ(mode_of(folder / "a/b/home"), 0700U);
}

TEST(HomeFiles, AnExistingHomeKeepsItsMode) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "home");
  ASSERT_EQ(chmod((folder / "home").c_str(), 0755), 0);
  open_home(folder / "home");
  EXPECT_EQ(mode_of(folder / "home"), 0755U);
}

TEST(HomeFiles, AHomeThatIsAFileIsAnError) {
  const TemporaryFolder folder;
  put(folder / "home", "");
  const auto files = HomeFiles::open(folder / "home");
  ASSERT_FALSE(files);
  EXPECT_NE(files.error().find(folder / "home"), std::string::npos);
}

TEST(HomeFiles, LookingDoesNotCreateAHome) {
  const TemporaryFolder folder;
  EXPECT_FALSE(HomeFiles::open_existing(folder / "home"));
  EXPECT_FALSE(fs::exists(folder / "home"));
}

TEST(HomeFiles, WhatIsWrittenIsReadBackAndHasItsMode) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  const mode_t before = umask(0);
  ASSERT_TRUE(files.write("secret", as_bytes("s3cret"), kSecretFile));
  umask(0077);
  ASSERT_TRUE(files.write("a.d/b/public", as_bytes("hello"), kPublicFile));
  umask(before);
  EXPECT_EQ(mode_of(folder / "home/secret"), 0600U);
  EXPECT_EQ(mode_of(folder / "home/a.d/b/public"), 0644U);
  EXPECT_EQ(mode_of(folder / "home/a.d"), 0700U);
  const auto content = files.read("a.d/b/public");
  ASSERT_TRUE(content && *content);
  EXPECT_EQ(as_text(**content), "hello");
}

TEST(HomeFiles, AMissingFileIsNoError) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  const auto content = files.read("nothing.d/here");
  ASSERT_TRUE(content);
  EXPECT_FALSE(*content);
}

// A reader that has the old file open keeps reading the old content: the file is replaced, never
// written into.
TEST(HomeFiles, AWriteReplacesTheFileInsteadOfChangingIt) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  ASSERT_TRUE(files.write("file", as_bytes("old"), kPublicFile));
  const UniqueFd reader(open((folder / "home/file").c_str(), O_RDONLY));
  ASSERT_TRUE(files.write("file", as_bytes("new content"), kPublicFile));
  char bytes[32];
  EXPECT_EQ(read(reader.get(), bytes, sizeof bytes), 3);
  EXPECT_EQ(content_of(folder / "home/file"), "new content");
}

TEST(HomeFiles, AFailedWriteLeavesTheOldContentAndNoRubbish) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  // A folder stands where the file should go: the rename fails after everything was written.
  fs::create_directories(folder / "home/file/occupied");
  const auto written = files.write("file", as_bytes("new"), kPublicFile);
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().find("home/file"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder / "home/file/occupied"));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "home"), {}), 1);
}

TEST(HomeFiles, LeftoversOfAnInterruptedWriteAreInvisibleAndRemoved) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  put(folder / "home/networks.d/.ztshim-1-2", "half");
  put(folder / "home/.ztshim-1-3", "half");
  put(folder / "home/networks.d/kept.conf", "whole");
  EXPECT_EQ(files.list("networks.d"), std::vector<std::string>{"kept.conf"});
  files.remove_leftovers();
  EXPECT_FALSE(fs::exists(folder / "home/networks.d/.ztshim-1-2"));
  EXPECT_FALSE(fs::exists(folder / "home/.ztshim-1-3"));
  EXPECT_TRUE(fs::exists(folder / "home/networks.d/kept.conf"));
}

TEST(HomeFiles, SettingAsideNeverOverwritesAnEarlierDamagedFile) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  for (const char* content : {"first", "second"}) {
    put(folder / "home/planet", content);
    files.discard("planet", "test");
  }
  EXPECT_FALSE(fs::exists(folder / "home/planet"));
  EXPECT_EQ(content_of(folder / "home/planet.damaged"), "first");
  EXPECT_EQ(content_of(folder / "home/planet.damaged.2"), "second");
}

TEST(HomeFiles, AFileBeyondItsLimitIsAnError) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  put(folder / "home/large", std::string(100, 'x'));
  EXPECT_TRUE(files.read("large", 100));
  EXPECT_FALSE(files.read("large", 99));
}

TEST(HomeLock, OneHolderAtATime) {
  const TemporaryFolder folder;
  const HomeFiles files = open_home(folder / "home");
  auto first = HomeLock::acquire(files);
  ASSERT_TRUE(first && *first);
  const auto second = HomeLock::acquire(files);
  ASSERT_TRUE(second) << second.error();
  EXPECT_FALSE(*second);
  first->reset();
  const auto third = HomeLock::acquire(files);
  ASSERT_TRUE(third);
  EXPECT_TRUE(*third);
}

}  // namespace
}  // namespace ztshim::host
