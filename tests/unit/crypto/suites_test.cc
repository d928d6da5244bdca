#include "service/crypto/suites.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include "service/crypto/salsa_poly.h"
#include "tests/unit/crypto/fixed_random.h"

namespace ztshim {
namespace {

constexpr std::size_t kFlagsOffset = 18;
constexpr std::size_t kVerbOffset = 27;
constexpr Suite kSealing[] = {Suite::Poly1305None, Suite::Poly1305Salsa2012, Suite::AesGmacSiv};

// The key A and B of the notes agree on (vl1-crypto 8.2).
PacketKeys notes_keys() {
  const auto key = from_hex(
      "cab36fd1a0e14894e40dc2c128e297c4d533f409e63c0ffce8518b1bc1c2f1df"
      "a0220112d8fec5fa2c6608ee0157d1f8");
  return PacketKeys(AgreedKey(ByteView(*key).first<48>()));
}

PacketKeys other_keys() {
  const std::array<std::uint8_t, 48> key{7};
  return PacketKeys(AgreedKey(key));
}

// An ECHO from A to B, ID 0123456789abcdef, with `payload` (vl1-crypto 8.4).
Bytes echo(ByteView payload, std::uint8_t flags = 0) {
  Bytes packet = *from_hex("0123456789abcdef5861f6d21f8e4df28b72");
  packet.push_back(flags);
  packet.resize(kVerbOffset);
  packet.push_back(0x08);
  append(packet, payload);
  return packet;
}

Bytes counting(std::size_t count) {
  Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

Bytes sealed(const Bytes& packet, Suite suite) {
  Bytes copy = packet;
  notes_keys().seal(copy, suite);
  return copy;
}

TEST(Suites, suite_1_gives_the_packet_of_the_notes) {
  EXPECT_EQ(to_hex(sealed(echo(counting(100)), Suite::Poly1305Salsa2012)),
            "0123456789abcdef5861f6d21f8e4df28b72885af082de4385ac5507e4f8abb4"
            "f5811264052a6b6b5e96cdd5a594e7b3d1e2f9f478c8a2203bef72558cd729be"
            "a1a9f6afffb90724d1747a4eddb83834475d54d38c810edcbb1fc2bb59fe2475"
            "46feb318633f6b3759b2969937be8e85079b82c265711a2973a5a89b689ab138");
}

TEST(Suites, suite_3_gives_the_packet_of_the_notes) {
  EXPECT_EQ(to_hex(sealed(echo(counting(100)), Suite::AesGmacSiv)),
            "ff50021832b915f75861f6d21f8e4df28b721869914bf72645e8d454ea446c9f"
            "144caaa3af2d886f2c136a570ef2b3f36ed0b5c75bb4b87387a7589be6745914"
            "8810263e36bfbada05d55aa4b0ce614724a245b80f790b32bfa3b4f36cdebb91"
            "940c42bd1019c5fe4cd6640352a43d57b90adede38e51612d52a61f9ae695ebd");
}

TEST(Suites, suite_0_leaves_the_content_readable) {
  const Bytes packet = sealed(echo(counting(100), 0x40), Suite::Poly1305None);
  EXPECT_EQ(to_hex(ByteView(packet).first(kVerbOffset)),
            "0123456789abcdef5861f6d21f8e4df28b72401cb90c68aff3e6ef");
  EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)), "08" + to_hex(counting(100)));
}

TEST(Suites, the_counter_of_suite_3_starts_without_its_top_bit) {
  // vl1-crypto 8.5: an authenticator that would set it.
  Bytes packet = *from_hex("00000000000000038e4df28b725861f6d21f40");
  packet.resize(kVerbOffset);
  packet.push_back(0x08);
  packet.insert(packet.end(), 20, 0xaa);
  EXPECT_EQ(to_hex(sealed(packet, Suite::AesGmacSiv)),
            "c00544738c62ef938e4df28b725861f6d21f58226cbcb4cda3de4eaa64b79916"
            "0605b5ffaa4cd17c7e87b42c730797a9");
}

TEST(Suites, hello_of_the_notes) {
  // vl1-crypto 8.6: the tail is masked first and sealed then.
  const Bytes whole = *from_hex(
      "0123456789abcdef5861f6d21f8e4df28b720012abe957f61417d2010c010e00010000018bcfe568008e4df28b72"
      "00ac3d46abe0c21f3cfe7a6c8d6a85cfcffcb82fbd55af6a4d6350657c68200843fa2e16f9418bbd9702cae365f2"
      "af5fb4c420908b803a681d4daef6114d78a2d70004c000020727090000000008eac90a0000017ee95760cd2fa004"
      "85da08f5d453e50d3619839d8ae7cac5");
  constexpr std::size_t kTail = 135;
  Bytes packet = whole;
  const PacketKeys keys = notes_keys();
  ASSERT_TRUE(keys.open(packet));
  keys.crypt_hello_tail(packet, kTail);
  EXPECT_EQ(to_hex(ByteView(packet).subspan(kTail)), "00017f00000000deadbeef0000000000000000");
  keys.crypt_hello_tail(packet, kTail);
  keys.seal(packet, Suite::Poly1305None);
  EXPECT_EQ(to_hex(packet), to_hex(whole));
}

TEST(Suites, what_was_sealed_opens_whatever_its_size) {
  const PacketKeys keys = notes_keys();
  for (const Suite suite : kSealing) {
    for (std::size_t size = 0; size < 300; ++size) {
      const Bytes clear = echo(counting(size));
      Bytes packet = clear;
      keys.seal(packet, suite);
      ASSERT_TRUE(keys.open(packet)) << size;
      EXPECT_EQ(to_hex(ByteView(packet).subspan(kVerbOffset)),
                to_hex(ByteView(clear).subspan(kVerbOffset)));
    }
  }
}

TEST(Suites, every_flipped_bit_but_the_hops_is_noticed) {
  const PacketKeys keys = notes_keys();
  for (const Suite suite : kSealing) {
    const Bytes good = sealed(echo(counting(40)), suite);
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      Bytes packet = good;
      packet[bit / 8] = static_cast<std::uint8_t>(packet[bit / 8] ^ 1 << bit % 8);
      const bool is_hops = bit / 8 == kFlagsOffset && bit % 8 < 3;
      EXPECT_EQ(keys.open(packet), is_hops) << static_cast<int>(suite) << " bit " << bit;
    }
  }
}

TEST(Suites, other_lengths_are_noticed) {
  const PacketKeys keys = notes_keys();
  for (const Suite suite : kSealing) {
    const Bytes good = sealed(echo(counting(40)), suite);
    for (std::size_t size = 0; size < good.size(); ++size) {
      Bytes shorter(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_FALSE(keys.open(shorter)) << size;
    }
    for (std::size_t more = 1; more < 40; ++more) {
      Bytes longer = good;
      longer.resize(good.size() + more);
      EXPECT_FALSE(keys.open(longer)) << more;
    }
  }
}

TEST(Suites, packets_larger_than_any_datagram_are_handled) {
  const PacketKeys keys = notes_keys();
  for (const Suite suite : kSealing) {
    Bytes packet = echo(Bytes(70'000, 1));
    keys.seal(packet, suite);
    EXPECT_TRUE(keys.open(packet));
    packet.back() ^= 1;
    EXPECT_FALSE(keys.open(packet));
  }
}

TEST(Suites, another_key_opens_nothing) {
  for (const Suite suite : kSealing) {
    Bytes packet = sealed(echo(counting(40)), suite);
    EXPECT_FALSE(other_keys().open(packet));
  }
}

TEST(Suites, unknown_suites_and_the_trusted_path_are_never_opened) {
  for (const unsigned suite : {2u, 4u, 5u, 6u, 7u}) {
    Bytes packet = echo(counting(40), static_cast<std::uint8_t>(suite << 3));
    EXPECT_FALSE(notes_keys().open(packet)) << suite;
  }
}

TEST(Suites, a_refused_packet_of_suites_0_and_1_is_left_alone) {
  for (const Suite suite : {Suite::Poly1305None, Suite::Poly1305Salsa2012}) {
    Bytes packet = sealed(echo(counting(40)), suite);
    packet.back() ^= 1;
    const Bytes before = packet;
    EXPECT_FALSE(notes_keys().open(packet));
    EXPECT_EQ(packet, before);
  }
}

TEST(Suites, sealing_sets_the_cipher_bits_whatever_they_were) {
  const std::uint8_t expected[] = {0x40, 0xc8, 0x58};
  for (std::size_t i = 0; i < std::size(kSealing); ++i) {
    EXPECT_EQ(sealed(echo({}, 0xf8), kSealing[i])[kFlagsOffset], expected[i]);
  }
}

TEST(Suites, only_suite_3_replaces_the_packet_id) {
  const Bytes clear = echo(counting(10));
  for (const Suite suite : kSealing) {
    const Bytes packet = sealed(clear, suite);
    EXPECT_EQ(std::equal(packet.begin(), packet.begin() + 8, clear.begin()),
              suite != Suite::AesGmacSiv);
  }
}

TEST(Suites, opening_leaves_the_header_as_it_came) {
  for (const Suite suite : kSealing) {
    Bytes packet = sealed(echo(counting(10)), suite);
    packet[kFlagsOffset] = static_cast<std::uint8_t>(packet[kFlagsOffset] | 5);  // hops
    const Bytes before = packet;
    ASSERT_TRUE(notes_keys().open(packet));
    EXPECT_EQ(to_hex(ByteView(packet).first(kVerbOffset)),
              to_hex(ByteView(before).first(kVerbOffset)));
  }
}

TEST(Suites, keys_keep_working_after_a_move) {
  PacketKeys first = notes_keys();
  const Bytes good = sealed(echo(counting(10)), Suite::AesGmacSiv);
  Bytes packet = good;
  ASSERT_TRUE(first.open(packet));
  const PacketKeys second = std::move(first);
  packet = good;
  EXPECT_TRUE(second.open(packet));
  PacketKeys third = other_keys();
  third = notes_keys();
  packet = good;
  EXPECT_TRUE(third.open(packet));
}

TEST(Suites, junk_never_opens) {
  FixedRandom random(11);
  const PacketKeys keys = notes_keys();
  for (int i = 0; i < 5000; ++i) {
    Bytes packet(random.below(200));
    random.fill(packet);
    EXPECT_FALSE(keys.open(packet));
  }
}

TEST(SalsaStream, equals_libsodiums_from_block_0) {
  FixedRandom random(12);
  for (std::size_t size = 1; size < 1500; size += 7) {
    std::array<std::uint8_t, 32> key;
    std::array<std::uint8_t, 8> nonce;
    random.fill(key);
    random.fill(nonce);
    Bytes ours(size);
    Bytes theirs(size);
    random.fill(ours);
    crypto_stream_salsa2012_xor(theirs.data(), ours.data(), size, nonce.data(), key.data());
    salsa_poly::xor_stream(key, nonce, 0, ours);
    ASSERT_EQ(ours, theirs) << size;
  }
}

TEST(SalsaStream, continues_at_any_block) {
  FixedRandom random(13);
  std::array<std::uint8_t, 32> key;
  std::array<std::uint8_t, 8> nonce;
  random.fill(key);
  random.fill(nonce);
  Bytes whole(5000);
  salsa_poly::xor_stream(key, nonce, 0, whole);
  for (std::size_t block = 0; block * 64 < whole.size(); ++block) {
    Bytes rest(whole.size() - block * 64);
    salsa_poly::xor_stream(key, nonce, block, rest);
    ASSERT_TRUE(std::equal(rest.begin(), rest.end(),
                           whole.begin() + static_cast<std::ptrdiff_t>(block * 64)))
        << block;
  }
}

}  // namespace
}  // namespace ztshim
