#include "service/vl2/config_assembly.h"

#include <gtest/gtest.h>

namespace ztshim::vl2 {
namespace {

Signature signature_of(std::uint8_t n) {
  Signature signature{};
  signature[0] = n;
  return signature;
}

const Bytes kDictionary = to_bytes(as_bytes("v=7\nnwid=1\nid=2"));

ConfigChunk chunk(std::uint64_t update, std::uint32_t offset, std::size_t size,
                  std::uint8_t signature) {
  ConfigChunk chunk;
  chunk.update_id = update;
  chunk.total_size = static_cast<std::uint32_t>(kDictionary.size());
  chunk.offset = offset;
  chunk.data = ByteView(kDictionary).subspan(offset, size);
  chunk.signature = signature_of(signature);
  return chunk;
}

TEST(ConfigAssembly, takes_a_configuration_in_one_chunk) {
  ConfigAssembly assembly;
  EXPECT_EQ(assembly.add(chunk(1, 0, 15, 1)), kDictionary);
}

TEST(ConfigAssembly, takes_chunks_in_any_order) {
  ConfigAssembly assembly;
  EXPECT_FALSE(assembly.add(chunk(1, 10, 5, 3)));
  EXPECT_FALSE(assembly.add(chunk(1, 0, 5, 1)));
  EXPECT_EQ(assembly.add(chunk(1, 5, 5, 2)), kDictionary);
}

TEST(ConfigAssembly, knows_a_chunk_it_has_seen_and_gives_a_configuration_only_once) {
  ConfigAssembly assembly;
  const ConfigChunk first = chunk(1, 0, 5, 1);
  EXPECT_FALSE(assembly.knows(first));
  EXPECT_FALSE(assembly.add(first));
  EXPECT_TRUE(assembly.knows(first));
  EXPECT_FALSE(assembly.add(first));
  EXPECT_EQ(assembly.add(chunk(1, 5, 10, 2)), kDictionary);
  EXPECT_FALSE(assembly.add(chunk(1, 5, 10, 2)));
}

TEST(ConfigAssembly, puts_three_updates_together_at_once_and_drops_the_stalest) {
  ConfigAssembly assembly;
  for (std::uint64_t update = 1; update <= 4; ++update) {
    EXPECT_FALSE(assembly.add(chunk(update, 0, 5, static_cast<std::uint8_t>(update))));
  }
  // The fourth pushed out the first; 2, 3 and 4 can still be completed.
  EXPECT_EQ(assembly.add(chunk(2, 5, 10, 12)), kDictionary);
  EXPECT_EQ(assembly.add(chunk(3, 5, 10, 13)), kDictionary);
  EXPECT_EQ(assembly.add(chunk(4, 5, 10, 14)), kDictionary);
  EXPECT_FALSE(assembly.add(chunk(1, 5, 10, 11)));
}

TEST(ConfigAssembly, refuses_a_chunk_that_contradicts_the_others) {
  ConfigAssembly assembly;
  EXPECT_FALSE(assembly.add(chunk(1, 0, 5, 1)));
  ConfigChunk longer = chunk(1, 5, 10, 2);
  longer.total_size = 100;
  EXPECT_FALSE(assembly.add(longer));
  EXPECT_EQ(assembly.add(chunk(1, 5, 10, 3)), kDictionary);
}

TEST(ConfigAssembly, remembers_a_bounded_number_of_chunks) {
  ConfigAssembly assembly;
  for (std::size_t i = 0; i < kMaxChunks; ++i) {
    EXPECT_FALSE(assembly.add(chunk(1, 0, 0, static_cast<std::uint8_t>(i + 1))));
  }
  EXPECT_FALSE(assembly.add(chunk(1, 0, 15, 200))) << "an update of which nothing will come";
  EXPECT_EQ(assembly.add(chunk(2, 0, 15, 201)), kDictionary);
}

TEST(ConfigAssembly, refuses_what_has_no_signature_or_no_update) {
  ConfigAssembly assembly;
  ConfigChunk unsigned_chunk = chunk(1, 0, 15, 1);
  unsigned_chunk.signature.reset();
  EXPECT_FALSE(assembly.add(unsigned_chunk));
  EXPECT_FALSE(assembly.add(chunk(0, 0, 15, 1)));
}

}  // namespace
}  // namespace ztshim::vl2
