// Words of the rules language, one after the other, with macros put in where they are included.
// Knows numbers and names, not what rules are made of. Notes: docs/controller.md, "The rules
// language".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "service/controller/rules_compile.h"
#include "service/controller/rules_tokens.h"

namespace ztshim::controller {

// Thrown and caught within compile_rules(): a mistake ends the reading, however deep it is found.
struct RulesMistake {
  RulesError error;
};

struct Macro {
  std::vector<std::string> parameters;  // with the "$"
  std::vector<Token> body;
};

class RulesReader {
 public:
  explicit RulesReader(std::vector<Token> tokens);

  const Token& next();  // without taking it; empty at the end
  Token take();         // the same, taken
  bool take_if(std::string_view text);
  void expect(std::string_view text);
  bool is_at_end() { return next().text.empty(); }

  // Reads on in the macro's body, then behind the present place. `at`: the include.
  void include(const std::string& name, const Macro& macro,
               const std::vector<std::string>& arguments, Place at);

  // ---- words with a meaning; mistakes say what was expected
  std::string name(std::string_view what);
  std::uint64_t number(std::string_view what, std::uint64_t max);

  [[noreturn]] void fail(const Token& token, const std::string& reason) const;
  [[noreturn]] void expected(const Token& token, std::string_view what) const;

 private:
  struct Frame {  // a source, or a macro being included
    std::vector<Token> tokens;
    std::size_t at = 0;
    std::string macro;  // empty: the source
    Place included;
  };
  void leave_finished();

  std::vector<Frame> frames_;
  std::size_t taken_ = 0;
  Token end_;
};

// Decimal or 0x…; nothing for anything else.
std::optional<std::uint64_t> parse_number(std::string_view text);

}  // namespace ztshim::controller
