#include "service/crypto/hash.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "service/crypto/curve25519.h"

namespace ztshim {
namespace {

TEST(Hash, digests_of_the_empty_message) {
  EXPECT_EQ(to_hex(sha384({})),
            "38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743"
            "4c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b");
  EXPECT_EQ(to_hex(sha512({})),
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

TEST(Hash, aes_keys_of_the_notes) {
  // vl1-crypto 8.2
  const auto agreed = from_hex(
      "cab36fd1a0e14894e40dc2c128e297c4d533f409e63c0ffce8518b1bc1c2f1df"
      "a0220112d8fec5fa2c6608ee0157d1f8");
  const Secret<48> key(ByteView(*agreed).first<48>());
  EXPECT_EQ(to_hex(derive_key(key, '0').bytes()),
            "c302968d5215c33625c7e2135f7ef33b5509fc3a6f209b50f5f2172cf00dde72"
            "3fa11210fcc2408d02782e4bfc8be9b5");
  EXPECT_EQ(to_hex(derive_key(key, '1').bytes()),
            "73cc1d9f95a33f2df6483017da32be74c7ac8960a7820f2a8e61c7761354bca0"
            "5c11a945c94ecebecedc69ac1bfaa8d3");
}

TEST(Hash, stretching_chains_digests) {
  const std::array<std::uint8_t, 32> raw{9};
  const Sha512 first = sha512(raw);
  const Sha512 second = sha512(first);
  Bytes out(70);
  stretch_agreement(raw, out);
  EXPECT_EQ(to_hex(ByteView(out).first(64)), to_hex(first));
  EXPECT_EQ(to_hex(ByteView(out).subspan(64)), to_hex(ByteView(second).first(6)));
  stretch_agreement(raw, {});
}

TEST(Hash, the_libraries_may_be_first_used_by_several_threads_at_once) {
  // Whoever comes first starts them; nobody may see them half started.
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::string& result : results) {
    threads.emplace_back([&result] {
      const std::array<std::uint8_t, 32> scalar{1};
      result = to_hex(sha384(x25519_public(scalar)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& result : results) EXPECT_EQ(result, results[0]);
}

}  // namespace
}  // namespace ztshim
