#include "tests/sim/identities.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace ztshim::sim {
namespace {

const std::vector<std::string>& lines() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> read;
    const std::string path = std::string(ZTSHIM_SIM_FOLDER) + "/identities.txt";
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) {
      if (!line.empty() && line[0] != '#') read.push_back(line);
    }
    if (read.empty()) throw std::runtime_error(path + ": no identities");
    return read;
  }();
  return all;
}

}  // namespace

std::size_t valid_identities() { return lines().size(); }

Identity identity(std::size_t n) {
  std::string text = lines()[n % lines().size()];
  if (n >= lines().size()) text.replace(0, 10, Address(0x0100000000ULL + n).text());
  const auto parsed = Identity::parse(text);
  if (!parsed) throw std::runtime_error("not an identity: " + text.substr(0, 10));
  return *parsed;
}

}  // namespace ztshim::sim
