#include "shim/resolvers.h"

#include <nss.h>
#include <strings.h>

#include <atomic>

#include "shim/pages.h"
#include "shim/settings.h"
#include "shim/wait.h"

namespace ztshim {
namespace {

constinit std::atomic<bool> has_waited{false};
constinit std::atomic<bool> is_kept{false};

std::vector<rpc::ResolverRecord> all_resolvers(const IpAddress& about) {
  if (mode() != Mode::Virtual) return {};
  const auto ask = [&] {
    return ask_for_pages<rpc::ResolverRecord>([&](std::uint32_t first) {
      return rpc::Resolvers{{about, 0}, first};
    });
  };
  auto pages = ask();
  if (pages.may_become_more && !has_waited.exchange(true)) {
    static_cast<void>(wait_for_networks(false));
    pages = ask();
  }
  std::erase_if(pages.records, [](const auto& record) { return record.servers.empty(); });
  return std::move(pages.records);
}

}  // namespace

bool is_within(std::string_view name, std::string_view domain) noexcept {
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  if (domain.empty() || name.size() < domain.size()) return false;
  const std::string_view end = name.substr(name.size() - domain.size());
  if (::strncasecmp(end.data(), domain.data(), domain.size()) != 0) return false;
  return end.size() == name.size() || name[name.size() - domain.size() - 1] == '.';
}

std::optional<rpc::ResolverRecord> resolver_for(std::string_view name) {
  std::optional<rpc::ResolverRecord> best;
  for (rpc::ResolverRecord& record : all_resolvers(IpAddress{})) {
    const bool is_better = !best || record.domain.size() > best->domain.size();
    if (is_better && is_within(name, record.domain)) best = std::move(record);
  }
  return best;
}

std::vector<rpc::ResolverRecord> resolvers_about(const IpAddress& ip) { return all_resolvers(ip); }

bool keep_libc_from_asking() noexcept {
  const Mode wanted = mode();
  const bool must =
      wanted == Mode::Refuse || (wanted == Mode::Virtual && config().egress == Egress::Virtual);
  if (must && !is_kept.exchange(true)) ::__nss_configure_lookup("hosts", "files");
  return must;
}

}  // namespace ztshim
