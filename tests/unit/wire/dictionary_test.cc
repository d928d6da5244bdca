#include "service/wire/dictionary.h"

#include <gtest/gtest.h>

namespace ztshim {
namespace {

Dictionary parsed(std::string_view text) { return Dictionary::parse(as_bytes(text)); }

TEST(Dictionary, undoes_the_escapes_of_the_notes) {
  const Bytes value{'a', 0, '=', '\r', '\n', '\\', 'z'};
  DictionaryWriter out;
  out.add("K", value);
  EXPECT_EQ(as_text(out.bytes()), "K=a\\0\\e\\r\\n\\\\z");
  const Dictionary dictionary = Dictionary::parse(out.bytes());
  EXPECT_EQ(to_bytes(*dictionary.get("K")), value);
}

TEST(Dictionary, finds_the_first_of_equal_keys_and_whole_keys_only) {
  const Dictionary dictionary = parsed("ab=1\na=2\na=3");
  EXPECT_EQ(dictionary.get_text("a"), "2");
  EXPECT_FALSE(dictionary.contains("b"));
  EXPECT_EQ(dictionary.get_text("b", "none"), "none");
}

TEST(Dictionary, writes_addresses_with_ten_digits_and_numbers_with_sixteen) {
  DictionaryWriter out;
  out.add_address("id", Address(0x01bcd7b70e)).add_number("r", 255).add_bool("s", true);
  EXPECT_EQ(as_text(out.bytes()), "id=01bcd7b70e\nr=00000000000000ff\ns=1");
  EXPECT_EQ(Dictionary::parse(out.bytes()).get_address("id").text(), "01bcd7b70e");
}

TEST(Dictionary, saturates_numbers_that_are_too_large) {
  const Dictionary dictionary = parsed("a=10000000000000000\nb=-10000000000000000");
  EXPECT_EQ(dictionary.get_number("a"), ~std::uint64_t{0});
  EXPECT_EQ(dictionary.get_signed("b"), std::numeric_limits<std::int64_t>::min());
}

}  // namespace
}  // namespace ztshim
