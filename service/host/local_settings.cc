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
  vl2::LocalSettings settings;
  const Dictionary dictionary = Dictionary::parse(text);
  for (const Dictionary::Entry& entry : dictionary.entries()) {
    apply_local_setting(settings, entry.key + "=" + std::string(as_text(entry.value)));
  }
  return settings;
}

bool apply_local_setting(vl2::LocalSettings& settings, std::string_view assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = assignment.substr(0, equals);
  const std::string_view value = assignment.substr(equals + 1);
  const bool is_on = !value.empty() && (value[0] == '1' || value[0] == 't' || value[0] == 'T');
  if (key == "allowManaged") {
    settings.managed_within.clear();
    settings.allow_managed = is_on;
    if (value.size() > kLongestFlag) {
      settings.managed_within = parse_ranges(value);
      // A list in which nothing can be read admits nothing, rather than everything.
      settings.allow_managed = !settings.managed_within.empty();
    }
    return true;
  }
  if (key == "allowGlobal") return settings.allow_global = is_on, true;
  if (key == "allowDefault") return settings.allow_default = is_on, true;
  if (key == "allowDNS") return settings.allow_dns = is_on, true;
  return false;
}

Result<void, std::string> apply_local_settings(vl2::LocalSettings& settings,
                                               const std::vector<std::string>& assignments) {
  vl2::LocalSettings changed = settings;
  for (const std::string& assignment : assignments) {
    if (!apply_local_setting(changed, assignment)) {
      return failure("\"" + assignment +
                     "\" is no setting: allowManaged, allowGlobal, allowDefault and allowDNS are, "
                     "with =1 or =0");
    }
  }
  settings = std::move(changed);
  return {};
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
