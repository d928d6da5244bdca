// The loader of the vector files itself.
#include "tests/vectors/vector_file.h"

#include <gmock/gmock.h>

namespace ztshim::vectors {
namespace {

using ::testing::HasSubstr;

TEST(VectorFile, names_are_made_of_what_gtest_accepts) {
  EXPECT_EQ(test_name("suite 1: hops raised to 3"), "suite_1_hops_raised_to_3");
  EXPECT_EQ(test_name("  -- odd (very) --"), "odd_very");
  EXPECT_EQ(test_name(""), "");
}

TEST(VectorFile, a_missing_file_becomes_a_case_that_tells_so) {
  const auto found = cases("there-is-no-such.json", "cases");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].trouble, HasSubstr("cannot be opened"));
}

TEST(VectorFile, a_missing_list_becomes_a_case_that_tells_so) {
  const auto found = cases("identity.json", "no such list");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_THAT(found[0].trouble, HasSubstr("no such list"));
}

TEST(VectorFile, hex_text_must_be_hexadecimal) {
  EXPECT_EQ(hex_bytes("00ff"), (Bytes{0, 0xff}));
  EXPECT_THROW(hex_bytes("0"), std::runtime_error);
  EXPECT_THROW(hex_bytes("zz"), std::runtime_error);
}

}  // namespace
}  // namespace ztshim::vectors
