#include "service/controller/rules_tokens.h"

namespace ztshim::controller {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_sign(char c) { return c == ';' || c == '(' || c == ')' || c == ','; }

}  // namespace

std::vector<Token> tokens_of(std::string_view source) {
  std::vector<Token> tokens;
  Place here;
  std::size_t at = 0;
  const auto step = [&] {
    if (source[at] == '\n') {
      ++here.line;
      here.column = 1;
    } else {
      ++here.column;
    }
    ++at;
  };
  while (at < source.size()) {
    if (is_blank(source[at])) {
      step();
    } else if (source[at] == '#') {
      while (at < source.size() && source[at] != '\n') step();
    } else if (is_sign(source[at])) {
      tokens.push_back({std::string(1, source[at]), here});
      step();
    } else {
      Token word{{}, here};
      while (at < source.size() && !is_blank(source[at]) && !is_sign(source[at]) &&
             source[at] != '#') {
        word.text += source[at];
        step();
      }
      tokens.push_back(std::move(word));
    }
  }
  tokens.push_back({{}, here});
  return tokens;
}

}  // namespace ztshim::controller
