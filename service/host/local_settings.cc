#include "service/host/local_settings.h"

#include <fmt/core.h>

#include <algorithm>

#include "service/wire/dictionary.h"

namespace ztshim::host {
namespace {

// A longer value of allowManaged is a list of ranges instead of a yes or no.
constexpr std::size_t kLongestFlag = 5;

std::vector<IpPrefix> parse_ranges(std::string_view text) {
  std::vector<IpPrefix> ranges;
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    if (const auto range = IpPrefix::parse(item)) ranges.push_back(*range);
  }
  return ranges;
}

}  // namespace

vl2::LocalSettings parse_local_settings(ByteView text) {
  const Dictionary dictionary = Dictionary::parse(text);
  vl2::LocalSettings settings;
  settings.allow_managed = dictionary.get_bool("allowManaged", settings.allow_managed);
  settings.allow_global = dictionary.get_bool("allowGlobal", settings.allow_global);
  settings.allow_default = dictionary.get_bool("allowDefault", settings.allow_default);
  settings.allow_dns = dictionary.get_bool("allowDNS", settings.allow_dns);
  if (const std::string managed = dictionary.get_text("allowManaged");
      managed.size() > kLongestFlag) {
    settings.managed_within = parse_ranges(managed);
    // A list in which nothing can be read admits nothing, rather than everything.
    settings.allow_managed = !settings.managed_within.empty();
  }
  return settings;
}

std::string format_local_settings(const vl2::LocalSettings& settings) {
  std::string managed = settings.allow_managed ? "1" : "0";
  if (!settings.managed_within.empty()) {
    managed.clear();
    for (const IpPrefix& range : settings.managed_within) {
      managed += (managed.empty() ? "" : ",") + range.text();
    }
  }
  const auto flag = [](bool value) { return value ? '1' : '0'; };
  return fmt::format("allowManaged={}\nallowGlobal={}\nallowDefault={}\nallowDNS={}\n", managed,
                     flag(settings.allow_global), flag(settings.allow_default),
                     flag(settings.allow_dns));
}

}  // namespace ztshim::host
