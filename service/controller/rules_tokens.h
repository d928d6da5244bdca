// The rules language as words with their places; comments are gone. Knows nothing of rules.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ztshim::controller {

struct Place {
  unsigned line = 1, column = 1;  // columns count bytes
  bool operator==(const Place&) const = default;
};

struct Token {
  std::string text;  // a word, or one of ; ( ) ,
  Place place;
};

// A "#" begins a comment wherever it stands. The last token is an empty one at the end.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace ztshim::controller
