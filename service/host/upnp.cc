// UPnP Internet Gateway Device by miniupnpc.
#include <miniupnpc/miniupnpc.h>
#include <miniupnpc/upnpcommands.h>
#include <miniupnpc/upnperrors.h>

#include <array>
#include <cstring>

#include "service/host/clock.h"
#include "service/host/gateways.h"

namespace ztshim::host {
namespace {

constexpr int kSearch_ms = 2000;
// The wanted external port and those after it (vl1-behaviour 13.3).
constexpr unsigned kPortsToTry = 61;
// A router that answers this slowly is asked again at the next refresh.
constexpr std::int64_t kPatience_us = 30'000'000;
// Errors of the protocol's WANIPConnection service.
constexpr int kNoSuchEntry = 714;
constexpr int kOnlyPermanentLeases = 725;

class Gateway {
 public:
  Gateway() = default;
  ~Gateway() {
    if (found_) FreeUPNPUrls(&urls_);
  }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  bool find(const std::string& interface) {
    int error = 0;
    UPNPDev* const devices = upnpDiscover(
        kSearch_ms, interface.empty() ? nullptr : interface.c_str(), nullptr, 0, 0, 2, &error);
    if (devices == nullptr) return false;
    const int kind =
        UPNP_GetValidIGD(devices, &urls_, &data_, own_.data(), static_cast<int>(own_.size()));
    freeUPNPDevlist(devices);
    found_ = kind != 0;
    // 1: connected. 2: says it is not, or has a private address outside: worth trying. 3: something
    // else.
    return kind == 1 || kind == 2;
  }

  std::optional<IpAddress> external_address() {
    std::array<char, 64> text{};
    if (UPNP_GetExternalIPAddress(urls_.controlURL, service(), text.data()) !=
        UPNPCOMMAND_SUCCESS) {
      return std::nullopt;
    }
    const auto ip = IpAddress::parse(text.data());
    return ip && !ip->is_unspecified() ? ip : std::nullopt;
  }

  enum class Entry { None, Ours, Others, Unknown };
  // Whose is the mapping of this external port?
  Entry entry(const std::string& outside, const std::string& inside,
              const std::string& description) {
    std::array<char, 64> client{};
    std::array<char, 16> port{}, enabled{}, lease{};
    std::array<char, 128> name{};
    const int got = UPNP_GetSpecificPortMappingEntry(urls_.controlURL, service(), outside.c_str(),
                                                     "UDP", nullptr, client.data(), port.data(),
                                                     name.data(), enabled.data(), lease.data());
    if (got == kNoSuchEntry) return Entry::None;
    if (got != UPNPCOMMAND_SUCCESS) return Entry::Unknown;
    const bool ours = description == name.data() && inside == port.data() &&
                      std::strcmp(client.data(), own_.data()) == 0;
    return ours ? Entry::Ours : Entry::Others;
  }

  bool add(const std::string& outside, const std::string& inside, const std::string& description) {
    const auto ask = [&](const std::string& lease) {
      return UPNP_AddPortMapping(urls_.controlURL, service(), outside.c_str(), inside.c_str(),
                                 own_.data(), description.c_str(), "UDP", nullptr, lease.c_str());
    };
    int got = ask(std::to_string(kMappingLeaseSeconds));
    if (got == kOnlyPermanentLeases) got = ask("0");
    return got == UPNPCOMMAND_SUCCESS;
  }

 private:
  const char* service() const { return data_.first.servicetype; }

  UPNPUrls urls_{};
  IGDdatas data_{};
  std::array<char, 64> own_{};  // our address on the router's side
  bool found_ = false;
};

}  // namespace

Result<Endpoint, std::string> map_by_upnp(const std::string& interface, std::uint16_t port,
                                          const std::string& description,
                                          const IsCancelled& is_cancelled) {
  const std::int64_t limit = monotonic_us() + kPatience_us;
  Gateway gateway;
  if (!gateway.find(interface)) return failure(std::string("no router answers"));
  const auto outside = gateway.external_address();
  if (!outside) return failure(std::string("the router has no address outside"));
  const std::string inside = std::to_string(port);
  for (unsigned i = 0; i < kPortsToTry && port + i <= 65535U; ++i) {
    if (is_cancelled()) return failure(std::string("no longer wanted"));
    if (monotonic_us() >= limit) return failure(std::string("the router is too slow"));
    const std::string candidate = std::to_string(port + i);
    const auto present = gateway.entry(candidate, inside, description);
    if (present == Gateway::Entry::Others) continue;
    // Asking again for our own renews its lease.
    const bool added = gateway.add(candidate, inside, description);
    if (added || present == Gateway::Entry::Ours) {
      return Endpoint{*outside, static_cast<std::uint16_t>(port + i)};
    }
  }
  return failure(std::string("the router gives no port"));
}

}  // namespace ztshim::host
