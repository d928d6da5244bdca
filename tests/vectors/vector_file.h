// Known answers from a JSON file as parameterised tests: one test per case, named after the case.
//
//   VECTOR_SUITE(LzCompression, "lz4.json", "compress");
//   TEST_P(LzCompression, decodes_to_what_was_packed) { EXPECT_EQ(f(bytes("armored")),
//   bytes("clear")); }
//
// The files come from the folder in the environment variable ZTSHIM_VECTORS, otherwise from the
// source tree, so that the same tests run over other files of the same form. A file or list that is
// missing or empty gives one test that fails: an answer nobody looked at must not pass.
#pragma once

#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/bytes.h"

namespace ztshim::vectors {

using Json = nlohmann::json;

inline std::string folder() {
  const char* chosen = std::getenv("ZTSHIM_VECTORS");
  return chosen != nullptr && *chosen != '\0' ? chosen : ZTSHIM_VECTORS_FOLDER;
}

// The whole file, read once. Throws (which gtest reports) when it cannot be read or parsed.
inline const Json& file(const std::string& name) {
  static std::map<std::string, Json> files;
  const auto known = files.find(name);
  if (known != files.end()) return known->second;
  const std::string path = folder() + "/" + name;
  std::ifstream in(path);
  if (!in) throw std::runtime_error(path + ": cannot be opened");
  return files.emplace(name, Json::parse(in)).first->second;
}

// Bytes of a string of hexadecimal digits. Throws when it is anything else.
inline Bytes hex_bytes(const Json& value) {
  auto bytes = from_hex(value.get<std::string>());
  if (!bytes) throw std::runtime_error("not hexadecimal: " + value.dump());
  return *bytes;
}

struct Case {
  std::string name;  // letters, digits and underscores; unique in its list
  Json data;
  std::string trouble;  // why there is no data
  friend void PrintTo(const Case& c, std::ostream* out) { *out << c.data.value("name", c.name); }
};

// What gtest accepts as a name: "suite 1: hops raised to 3" becomes suite_1_hops_raised_to_3.
inline std::string test_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      name.push_back(c);
    } else if (!name.empty() && name.back() != '_') {
      name.push_back('_');
    }
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  return name;
}

// The objects of file[list], in order. `list` may lead deeper, as in "default_planet/worlds".
inline std::vector<Case> cases(const std::string& file_name, const std::string& list) {
  std::vector<Case> all;
  std::set<std::string> names;
  try {
    for (const Json& data : file(file_name).at(Json::json_pointer("/" + list))) {
      std::string base = test_name(data.value("name", ""));
      if (base.empty()) base = "case_" + std::to_string(all.size());
      std::string name = base;
      for (int again = 2; !names.insert(name).second; ++again) {
        name = base + "_" + std::to_string(again);
      }
      all.push_back({name, data, {}});
    }
  } catch (const std::exception& e) {
    return {{"unreadable", Json::object(), file_name + "/" + list + ": " + e.what()}};
  }
  if (all.empty()) return {{"empty", Json::object(), file_name + "/" + list + ": no cases"}};
  return all;
}

// Base of the suites: the case at hand. A field that is absent or of another type throws, which
// gtest reports as a failure.
class CaseTest : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!GetParam().trouble.empty()) FAIL() << GetParam().trouble;
  }
  const Json& data() const { return GetParam().data; }
  bool has(const char* field) const {
    return data().contains(field) && !data().at(field).is_null();
  }
  Bytes bytes(const char* field) const { return hex_bytes(data().at(field)); }
  std::string text(const char* field) const { return data().at(field).get<std::string>(); }
  bool flag(const char* field) const { return data().at(field).get<bool>(); }
  std::uint64_t number(const char* field) const { return data().at(field).get<std::uint64_t>(); }
};

}  // namespace ztshim::vectors

// Declares suite `Suite` over file[list]; its tests follow as TEST_P(Suite, what_must_hold).
#define VECTOR_SUITE(Suite, file_name, list)                                               \
  class Suite : public ::ztshim::vectors::CaseTest {};                                     \
  INSTANTIATE_TEST_SUITE_P(, Suite,                                                        \
                           ::testing::ValuesIn(::ztshim::vectors::cases(file_name, list)), \
                           [](const auto& c) { return c.param.name; })
