#include "service/crypto/secret.h"

#include <fmt/format.h>
#include <fmt/ostream.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <new>
#include <ostream>

#include "service/crypto/identity.h"
#include "service/crypto/suites.h"

namespace ztshim {
namespace {

template <typename T>
concept Streamable = requires(std::ostream& out, const T& value) {
  out << value;
};
template <typename T>
concept Comparable = requires(const T& value) {
  value == value;
};

template <typename T>
constexpr bool kHasTextForm = Streamable<T> || fmt::is_formattable<T>::value;

TEST(Secret, has_no_text_form) {
  // Log lines are made with fmt and streams: neither takes a secret, so none gets there by
  // accident.
  static_assert(!kHasTextForm<Secret<32>>);
  static_assert(!kHasTextForm<AgreedKey>);
  static_assert(!kHasTextForm<Identity>);
  static_assert(!kHasTextForm<PacketKeys>);
  static_assert(kHasTextForm<int>, "the question itself works");
}

TEST(Secret, is_not_compared_byte_by_byte) {
  // Ordinary comparison stops at the first difference, which can be timed.
  static_assert(!Comparable<Secret<32>>);
  static_assert(Comparable<int>, "the question itself works");
}

TEST(Secret, keeps_what_it_was_given) {
  const std::array<std::uint8_t, 4> bytes{1, 2, 3, 4};
  const Secret<4> secret(bytes);
  EXPECT_EQ(to_hex(secret.bytes()), "01020304");
  EXPECT_EQ(to_hex(secret.part<1, 2>()), "0203");
  const Secret<4> copy = secret;
  EXPECT_EQ(to_hex(copy.bytes()), "01020304");
  EXPECT_EQ(to_hex(Secret<4>().bytes()), "00000000");
}

TEST(Secret, is_wiped_at_the_end_of_its_life) {
  alignas(Secret<32>) unsigned char place[sizeof(Secret<32>)];
  auto* secret = new (place) Secret<32>();
  std::fill(secret->writable().begin(), secret->writable().end(), std::uint8_t{0xaa});
  unsigned char before[sizeof place];
  std::memcpy(before, place, sizeof place);
  EXPECT_EQ(before[0], 0xaa);
  std::destroy_at(secret);
  const volatile unsigned char* after = place;
  for (std::size_t i = 0; i < sizeof place; ++i) EXPECT_EQ(after[i], 0) << i;
}

TEST(Secret, wiping_covers_the_whole_range_and_may_be_empty) {
  std::array<std::uint8_t, 5> bytes{1, 2, 3, 4, 5};
  wipe(std::span(bytes).first(4));
  EXPECT_EQ(to_hex(bytes), "0000000005");
  wipe({});
}

}  // namespace
}  // namespace ztshim
