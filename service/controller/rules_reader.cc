#include "service/controller/rules_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <iterator>

namespace ztshim::controller {
namespace {

constexpr std::size_t kMaxDepth = 16;       // of includes in includes
constexpr std::size_t kMaxWords = 200'000;  // with all macros put in

// Blocks are found by their first words, so these cannot be names.
constexpr std::string_view kReserved[] = {
    "accept", "drop", "break", "tee", "watch", "redirect", "macro", "include", "tag",
    "cap",    "and",  "or",    "not", "id",    "enum",     "flag",  "default"};

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Every "$name" in the word that is a parameter becomes its argument: "$from-$to" is one word.
std::string with_arguments(const std::string& word,
                           const std::map<std::string, std::string>& arguments) {
  std::string result;
  for (std::size_t at = 0; at < word.size();) {
    if (word[at] != '$') {
      result += word[at++];
      continue;
    }
    std::size_t end = at + 1;
    while (end < word.size() && is_name_char(word[end])) ++end;
    const std::string parameter = word.substr(at, end - at);
    const auto argument = arguments.find(parameter);
    result += argument == arguments.end() ? parameter : argument->second;
    at = end;
  }
  return result;
}

std::string shown(const Token& token) {
  return token.text.empty() ? "the end" : "\"" + token.text + "\"";
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

RulesReader::RulesReader(std::vector<Token> tokens) : end_(tokens.back()) {
  tokens.pop_back();
  frames_.push_back({std::move(tokens), 0, {}, {}});
}

void RulesReader::leave_finished() {
  while (frames_.size() > 1 && frames_.back().at == frames_.back().tokens.size()) {
    frames_.pop_back();
  }
}

const Token& RulesReader::next() {
  leave_finished();
  const Frame& frame = frames_.back();
  return frame.at < frame.tokens.size() ? frame.tokens[frame.at] : end_;
}

Token RulesReader::take() {
  const Token token = next();
  if (token.text.empty()) return token;
  if (++taken_ > kMaxWords) fail(token, "the macros make this too long");
  ++frames_.back().at;
  return token;
}

bool RulesReader::take_if(std::string_view text) {
  if (next().text != text) return false;
  take();
  return true;
}

void RulesReader::expect(std::string_view text) {
  if (!take_if(text)) expected(next(), fmt::format("\"{}\"", text));
}

void RulesReader::include(const std::string& name, const Macro& macro,
                          const std::vector<std::string>& arguments, Place at) {
  if (frames_.size() > kMaxDepth) {
    fail({name, at}, fmt::format("macros include each other more than {} deep", kMaxDepth));
  }
  std::map<std::string, std::string> by_name;
  for (std::size_t i = 0; i < macro.parameters.size(); ++i) {
    by_name[macro.parameters[i]] = arguments[i];
  }
  Frame frame{macro.body, 0, name, at};
  for (Token& token : frame.tokens) token.text = with_arguments(token.text, by_name);
  frames_.push_back(std::move(frame));
}

std::string RulesReader::name(std::string_view what) {
  const Token token = next();
  bool is_name = !token.text.empty() && !(token.text[0] >= '0' && token.text[0] <= '9');
  for (const char c : token.text) is_name = is_name && (is_name_char(c) || c == '-' || c == '.');
  if (!is_name) expected(token, what);
  if (std::find(std::begin(kReserved), std::end(kReserved), token.text) != std::end(kReserved)) {
    fail(token, fmt::format("\"{}\" is a word of the language and cannot be a name", token.text));
  }
  return take().text;
}

std::uint64_t RulesReader::number(std::string_view what, std::uint64_t max) {
  const auto value = parse_number(next().text);
  if (!value || *value > max) expected(next(), fmt::format("{} (0 to {})", what, max));
  take();
  return *value;
}

void RulesReader::fail(const Token& token, const std::string& reason) const {
  RulesError error{token.place, reason, {}};
  for (std::size_t i = frames_.size(); i-- > 1;) {
    error.through.push_back(fmt::format("macro {}, included at {}:{}", frames_[i].macro,
                                        frames_[i].included.line, frames_[i].included.column));
  }
  throw RulesMistake{std::move(error)};
}

void RulesReader::expected(const Token& token, std::string_view what) const {
  fail(token, fmt::format("expected {}, found {}", what, shown(token)));
}

}  // namespace ztshim::controller
