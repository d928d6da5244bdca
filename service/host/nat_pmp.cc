// NAT-PMP (RFC 6886) by libnatpmp.
#include <natpmp.h>

#include <algorithm>

#include "common/real.h"
#include "common/time.h"
#include "service/host/clock.h"
#include "service/host/gateways.h"

namespace ztshim::host {
namespace {

// A router that does not answer four repetitions (0.25, 0.5, 1, 2 s) does not speak it.
constexpr std::int64_t kPatience_us = 4'000'000;

class Session {
 public:
  explicit Session(in_addr_t gateway) {
    opened_ = initnatpmp(&state_, gateway != INADDR_ANY ? 1 : 0, gateway) == 0;
  }
  ~Session() {
    if (opened_) closenatpmp(&state_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  bool opened() const { return opened_; }
  natpmp_t& state() { return state_; }

  // The answer to what was just asked. The library repeats the question when it is called again.
  Result<natpmpresp_t, std::string> answer(const IsCancelled& is_cancelled) {
    const std::int64_t limit = monotonic_us() + kPatience_us;
    for (;;) {
      timeval wait{};
      getnatpmprequesttimeout(&state_, &wait);
      const std::int64_t wait_ms = std::int64_t{wait.tv_sec} * 1000 + wait.tv_usec / 1000 + 1;
      pollfd asked{state_.s, POLLIN, 0};
      real().poll(&asked, 1, static_cast<int>(std::clamp<std::int64_t>(wait_ms, 1, 2000)));
      natpmpresp_t response{};
      const int got = readnatpmpresponseorretry(&state_, &response);
      if (got == 0) return response;
      if (got != NATPMP_TRYAGAIN) return failure("NAT-PMP error " + std::to_string(got));
      if (monotonic_us() >= limit) return failure(std::string("no answer"));
      if (is_cancelled()) return failure(std::string("no longer wanted"));
    }
  }

 private:
  natpmp_t state_{};
  bool opened_ = false;
};

}  // namespace

Result<Endpoint, std::string> map_by_nat_pmp(in_addr_t gateway, std::uint16_t port,
                                             const IsCancelled& is_cancelled) {
  Session session(gateway);
  if (!session.opened()) return failure(std::string("no gateway"));
  if (sendpublicaddressrequest(&session.state()) < 0) {
    return failure(std::string("the gateway cannot be asked"));
  }
  const auto outside = session.answer(is_cancelled);
  if (!outside) return failure(outside.error());
  if (outside->type != NATPMP_RESPTYPE_PUBLICADDRESS) return failure(std::string("wrong answer"));
  if (sendnewportmappingrequest(&session.state(), NATPMP_PROTOCOL_UDP, port, port,
                                kMappingLeaseSeconds) < 0) {
    return failure(std::string("the gateway cannot be asked"));
  }
  const auto mapped = session.answer(is_cancelled);
  if (!mapped) return failure(mapped.error());
  if (mapped->type != NATPMP_RESPTYPE_UDPPORTMAPPING) return failure(std::string("wrong answer"));
  const Endpoint endpoint{IpAddress::v4(ntohl(outside->pnu.publicaddress.addr.s_addr)),
                          mapped->pnu.newportmapping.mappedpublicport};
  if (endpoint.ip.is_unspecified() || endpoint.port == 0) {
    return failure(std::string("the gateway has no address outside"));
  }
  return endpoint;
}

}  // namespace ztshim::host
