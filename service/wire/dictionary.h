// The key=value text in which configurations and requests travel: lines, escapes, hexadecimal
// numbers. Knows no key. Notes: vl2 2.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes.h"
#include "service/crypto/address.h"

namespace ztshim {

// A dictionary taken apart. Anything parses: lines without '=' are skipped and a NUL ends the text.
class Dictionary {
 public:
  struct Entry {
    std::string key;
    Bytes value;  // escapes undone
  };

  // What receivers make room for (vl2 2); a writer stays below.
  static constexpr std::size_t kMaxRequestMetadata = 1023;
  static constexpr std::size_t kMaxNetworkConfig = 484519;
  static constexpr std::size_t kMaxAuthenticationInfo = 8191;

  static Dictionary parse(ByteView text);

  // The value of the first entry with this key. Lives as long as the dictionary.
  std::optional<ByteView> get(std::string_view key) const;
  std::string get_text(std::string_view key, std::string_view otherwise = {}) const;
  // Hexadecimal up to the first character that is none, saturating; `otherwise` when the value is
  // missing or empty. Leading blanks, a sign and "0x" are understood, as the reference does.
  std::uint64_t get_number(std::string_view key, std::uint64_t otherwise = 0) const;
  std::int64_t get_signed(std::string_view key, std::int64_t otherwise = 0) const;
  // True for a value that begins with 1, t or T.
  bool get_bool(std::string_view key, bool otherwise = false) const;
  Address get_address(std::string_view key) const { return Address(get_number(key)); }

  bool contains(std::string_view key) const { return get(key).has_value(); }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

// Composes one, line by line, in the order of the calls. Keys are taken as they are: no NUL, CR, LF
// or
// '=' in them. Duplicates are written; readers take the first.
class DictionaryWriter {
 public:
  DictionaryWriter& add(std::string_view key, ByteView value);
  DictionaryWriter& add(std::string_view key, std::string_view value) {
    return add(key, as_bytes(value));
  }
  DictionaryWriter& add_number(std::string_view key, std::uint64_t value);  // 16 digits
  DictionaryWriter& add_bool(std::string_view key, bool value);
  DictionaryWriter& add_address(std::string_view key, Address value);  // 10 digits

  const Bytes& bytes() const { return text_; }
  Bytes take() { return std::move(text_); }

 private:
  Bytes text_;
};

}  // namespace ztshim
