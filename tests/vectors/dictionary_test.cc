// dictionary.json: values to text and back.
#include "service/wire/dictionary.h"

#include "tests/vectors/wire_case.h"

namespace ztshim::vectors {
namespace {

VECTOR_SUITE(DictionaryEncode, "dictionary.json", "encode");

TEST_P(DictionaryEncode, writes_the_recorded_text_and_reads_it_again) {
  DictionaryWriter out;
  const Json& entries = data().at("entries");
  for (const Json& entry : entries) {
    out.add(entry.at("key").get<std::string>(), hex_bytes(entry.at("value_hex")));
  }
  EXPECT_EQ(to_hex(out.bytes()), text("encoded_hex"));

  const Dictionary dictionary = Dictionary::parse(out.bytes());
  ASSERT_EQ(dictionary.entries().size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EXPECT_EQ(dictionary.entries()[i].key, entries[i].at("key").get<std::string>());
    EXPECT_EQ(to_hex(dictionary.entries()[i].value), entries[i].at("value_hex"));
  }
}

VECTOR_SUITE(DictionaryEncodeTyped, "dictionary.json", "encode_typed");

// 64-bit values and addresses are given as 16 and 10 digits, signed numbers in decimal.
bool is_hexadecimal(const std::string& digits) {
  return (digits.size() == 16 || digits.size() == 10) && digits[0] != '-';
}

TEST_P(DictionaryEncodeTyped, writes_the_recorded_text) {
  DictionaryWriter out;
  const Json& value = data().at("value");
  if (value.is_boolean()) {
    out.add_bool("k", value.get<bool>());
  } else if (const std::string digits = value.get<std::string>(); is_hexadecimal(digits)) {
    out.add_number("k", hex_number(digits).value());
  } else {
    // A negative number loses its sign. We write none; this is what one would become.
    const std::int64_t number = std::stoll(digits);
    out.add_number("k", static_cast<std::uint64_t>(number < 0 ? -number : number));
  }
  EXPECT_EQ(as_text(out.bytes()), text("encoded"));
}

VECTOR_SUITE(DictionaryLookup, "dictionary.json", "lookup");

TEST_P(DictionaryLookup, finds_and_reads_the_recorded_values) {
  const Dictionary dictionary = Dictionary::parse(bytes("encoded_hex"));
  const std::string key = text("key");
  const auto value = dictionary.get(key);
  ASSERT_EQ(value.has_value(), flag("found"));
  if (value) {
    EXPECT_EQ(to_hex(*value), text("value_hex"));
  }
  const std::uint64_t otherwise = hex_number(text("as_unsigned_default")).value();
  const std::int64_t signed_otherwise = std::stoll(text("as_signed_default"));
  EXPECT_EQ(to_hex(dictionary.get_number(key, otherwise), 16), text("as_unsigned"));
  EXPECT_EQ(std::to_string(dictionary.get_signed(key, signed_otherwise)), text("as_signed"));
  EXPECT_EQ(dictionary.get_bool(key), flag("as_bool"));
}

}  // namespace
}  // namespace ztshim::vectors
