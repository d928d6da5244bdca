#include "service/api/token.h"

#include "common/bytes.h"

namespace ztshim::api {
namespace {

constexpr std::size_t kTokenSize = 24;
constexpr std::size_t kLongestToken = 4096;
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr const char* kBlanks = " \t\r\n";

}  // namespace

Result<std::string, std::string> load_or_make_token(const host::HomeFiles& files, const char* name,
                                                    RandomSource& random) {
  const auto content = files.read(name, kLongestToken);
  if (!content) return failure(content.error());
  if (*content) {
    const std::string text(as_text(**content));
    const auto first = text.find_first_not_of(kBlanks);
    if (first != std::string::npos) {
      return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
    }
  }
  std::string token;
  while (token.size() < kTokenSize) token += kLetters[random.below(kLetters.size())];
  if (auto written = files.write(name, as_bytes(token), host::kSecretFile); !written) {
    return failure(written.error());
  }
  return token;
}

}  // namespace ztshim::api
