#include "service/wire/dictionary.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace ztshim {
namespace {

// The byte that `\letter` stands for; other letters stand for themselves.
std::uint8_t unescaped(std::uint8_t letter) {
  switch (letter) {
    case '0':
      return 0;
    case 'r':
      return '\r';
    case 'n':
      return '\n';
    case 'e':
      return '=';
    default:
      return letter;
  }
}

bool ends_line(std::uint8_t byte) { return byte == '\n' || byte == '\r'; }

struct HexNumber {
  bool negative = false;
  bool overflow = false;
  std::uint64_t magnitude = 0;
};

// Blanks, a sign, "0x" and digits, as strtoull takes them; anything else ends the number.
HexNumber parse_hex(ByteView text) {
  const auto digit = [](std::uint8_t c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  HexNumber number;
  std::size_t i = 0;
  while (i < text.size() && (text[i] == ' ' || (text[i] >= '\t' && text[i] <= '\r'))) ++i;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) number.negative = text[i++] == '-';
  if (i + 2 < text.size() && text[i] == '0' && (text[i + 1] | 0x20) == 'x' &&
      digit(text[i + 2]) >= 0) {
    i += 2;
  }
  for (; i < text.size() && digit(text[i]) >= 0; ++i) {
    if (number.magnitude >> 60 != 0) number.overflow = true;
    number.magnitude = number.magnitude << 4 | static_cast<std::uint64_t>(digit(text[i]));
  }
  return number;
}

}  // namespace

Dictionary Dictionary::parse(ByteView text) {
  text =
      text.first(static_cast<std::size_t>(std::find(text.begin(), text.end(), 0) - text.begin()));
  Dictionary dictionary;
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t end = i;
    while (end < text.size() && text[end] != '=' && !ends_line(text[end])) ++end;
    const std::string_view key = as_text(text.subspan(i, end - i));
    i = end + 1;
    if (end == text.size() || text[end] != '=') continue;  // an empty line or one without '='
    Bytes value;
    for (; i < text.size() && !ends_line(text[i]); ++i) {
      if (text[i] != '\\') {
        value.push_back(text[i]);
      } else if (++i < text.size()) {  // a backslash at the very end stands for nothing
        value.push_back(unescaped(text[i]));
      }
    }
    ++i;
    dictionary.entries_.push_back(Entry{std::string(key), std::move(value)});
  }
  return dictionary;
}

std::optional<ByteView> Dictionary::get(std::string_view key) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  if (found == entries_.end()) return std::nullopt;
  return ByteView(found->value);
}

std::string Dictionary::get_text(std::string_view key, std::string_view otherwise) const {
  const auto value = get(key);
  return std::string(value ? as_text(*value) : otherwise);
}

std::uint64_t Dictionary::get_number(std::string_view key, std::uint64_t otherwise) const {
  const auto value = get(key);
  if (!value || value->empty()) return otherwise;
  const HexNumber number = parse_hex(*value);
  if (number.overflow) return std::numeric_limits<std::uint64_t>::max();
  return number.negative ? ~number.magnitude + 1 : number.magnitude;
}

std::int64_t Dictionary::get_signed(std::string_view key, std::int64_t otherwise) const {
  const auto value = get(key);
  if (!value || value->empty()) return otherwise;
  using Limits = std::numeric_limits<std::int64_t>;
  const HexNumber number = parse_hex(*value);
  const bool too_large =
      number.overflow || number.magnitude > static_cast<std::uint64_t>(Limits::max());
  if (too_large) return number.negative ? Limits::min() : Limits::max();
  const auto magnitude = static_cast<std::int64_t>(number.magnitude);
  return number.negative ? -magnitude : magnitude;
}

bool Dictionary::get_bool(std::string_view key, bool otherwise) const {
  const auto value = get(key);
  if (!value || value->empty()) return otherwise;
  const std::uint8_t first = value->front();
  return first == '1' || first == 't' || first == 'T';
}

DictionaryWriter& DictionaryWriter::add(std::string_view key, ByteView value) {
  if (!text_.empty()) text_.push_back('\n');
  append(text_, as_bytes(key));
  text_.push_back('=');
  for (const std::uint8_t byte : value) {
    switch (byte) {
      case 0:
        append(text_, as_bytes("\\0"));
        break;
      case '\r':
        append(text_, as_bytes("\\r"));
        break;
      case '\n':
        append(text_, as_bytes("\\n"));
        break;
      case '\\':
        append(text_, as_bytes("\\\\"));
        break;
      case '=':
        append(text_, as_bytes("\\e"));
        break;
      default:
        text_.push_back(byte);
    }
  }
  return *this;
}

DictionaryWriter& DictionaryWriter::add_number(std::string_view key, std::uint64_t value) {
  return add(key, to_hex(value, 16));
}

DictionaryWriter& DictionaryWriter::add_bool(std::string_view key, bool value) {
  return add(key, value ? "1" : "0");
}

DictionaryWriter& DictionaryWriter::add_address(std::string_view key, Address value) {
  return add(key, value.text());
}

}  // namespace ztshim
