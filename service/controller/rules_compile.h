// From the rules language, in which administrators write, to the rules, capabilities and tags of a
// network's record. Notes: controller.md 7.3; the language is described in docs/controller.md.
//
// How it works. Tags are read first, wherever they stand, because rules use their names; macros
// likewise. Then the rest is read from top to bottom. An "include" reads the macro's words with its
// arguments in their places, so that a mistake in there has the macro's line, and the error says by
// which includes it was reached.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "service/controller/json_values.h"
#include "service/controller/rules_tokens.h"

namespace ztshim::controller {

struct RulesError {
  Place place;
  std::string reason;                // what was expected, and what was found
  std::vector<std::string> through;  // macros, the innermost first: "macro NAME, included at 3:1"

  // "3:14: expected …", with the macros in brackets behind it.
  std::string text() const;
};

struct CompiledRules {
  Json rules = Json::array();
  Json capabilities = Json::array();  // as in a network's record, ascending by id
  Json tags = Json::array();
  // For those who set them on members.
  std::map<std::string, std::uint32_t> capability_ids;
  struct Tag {
    std::uint32_t id = 0;
    std::map<std::string, std::uint32_t> enums;  // values by name
    std::map<std::string, std::uint32_t> flags;  // masks by name
  };
  std::map<std::string, Tag> tag_names;

  // The three fields of a network's record.
  Json fields() const;
  // The same with "capabilitiesByName" and "tagsByName".
  Json with_names() const;
};

Result<CompiledRules, RulesError> compile_rules(std::string_view source);

}  // namespace ztshim::controller
