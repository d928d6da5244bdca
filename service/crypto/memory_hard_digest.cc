#include "service/crypto/memory_hard_digest.h"

#include <sodium.h>

#include <cstring>

#include "service/crypto/hash.h"
#include "service/crypto/libraries.h"

namespace ztshim {
namespace {

constexpr std::size_t kBlock = 64;  // of Salsa20, and the size of the digest
constexpr std::size_t kWord = 8;
constexpr std::size_t kBlocks = MemoryHardDigest::kMemorySize / kBlock;
constexpr std::size_t kWords = MemoryHardDigest::kMemorySize / kWord;
// Key stream made at a time while mixing: libsodium computes eight blocks in the time of one, and
// this still leaves room for it in the innermost cache.
constexpr std::size_t kBatch = 128;

void xor_block(std::uint8_t* to, const std::uint8_t* from) {
  std::uint64_t a[kBlock / kWord];
  std::uint64_t b[kBlock / kWord];
  std::memcpy(a, to, kBlock);
  std::memcpy(b, from, kBlock);
  for (std::size_t i = 0; i < kBlock / kWord; ++i) a[i] ^= b[i];
  std::memcpy(to, a, kBlock);
}

std::uint64_t big_endian(const std::uint8_t* word) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kWord; ++i) value = value << 8 | word[i];
  return value;
}

}  // namespace

MemoryHardDigest::MemoryHardDigest() : memory_(kMemorySize) { start_sodium(); }

void MemoryHardDigest::start(std::span<const std::uint8_t, 64> public_key) {
  digest_ = sha512(public_key);
  // Taken now: the mixing changes the digest, not the key stream.
  std::memcpy(stream_.data(), digest_.data(), stream_.size());
}

void MemoryHardDigest::fill() {
  // Each block is the one before, changed by the next block of key stream. Making the whole stream
  // in place first lets libsodium work at full width.
  crypto_stream_salsa20(memory_.data(), memory_.size(), stream_.data() + 32, stream_.data());
  for (std::size_t i = 1; i < kBlocks; ++i) {
    xor_block(&memory_[i * kBlock], &memory_[(i - 1) * kBlock]);
  }
}

void MemoryHardDigest::mix() {
  static_assert(kWords / 2 % kBatch == 0);
  static constexpr std::uint8_t kZeroes[kBatch * kBlock] = {};
  std::uint8_t stream[kBatch * kBlock];
  std::uint64_t counter = kBlocks;  // the stream goes on where the filling stopped
  for (std::size_t word = 0; word < kWords; word += 2) {
    const std::size_t place = word / 2 % kBatch;
    if (place == 0) {
      crypto_stream_salsa20_xor_ic(stream, kZeroes, sizeof stream, stream_.data() + 32, counter,
                                   stream_.data());
      counter += kBatch;
    }
    // The indices are big-endian numbers, the words move as bytes.
    std::uint8_t* const a = &digest_[big_endian(&memory_[word * kWord]) % 8 * kWord];
    std::uint8_t* const b = &memory_[big_endian(&memory_[(word + 1) * kWord]) % kWords * kWord];
    std::uint8_t kept[kWord];
    std::memcpy(kept, a, kWord);
    std::memcpy(a, b, kWord);
    std::memcpy(b, kept, kWord);
    xor_block(digest_.data(), &stream[place * kBlock]);
  }
}

}  // namespace ztshim
