// The node's place on the physical network: which UDP sockets it has, on which ports, and at which
// addresses others may find it. Follows the machine's interfaces, asks the router for a port, and
// takes another port when nothing gets through. Notes: vl1-behaviour 13.
//
// How it works. The wanted sockets are planned from the machine's addresses (port_plan) at the
// start, every 30 s, when the kernel reports a change, and when settings or the planet change; what
// is wanted and missing is opened, what is there and no longer wanted is closed. A socket that
// stays keeps its number, so that paths on it live on.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "service/crypto/random.h"
#include "service/host/address_watch.h"
#include "service/host/port_mapper.h"
#include "service/host/port_plan.h"
#include "service/host/tcp_relay.h"
#include "service/host/udp_ports.h"

namespace ztshim::host {

class Physical {
 public:
  struct Options {
    PhysicalSettings settings;
    vl1::TcpFallback::Settings tcp_fallback;
    Surroundings around;
    std::uint16_t preferred_port = 0;  // primary, where any will do: the last run's
    std::string node;                  // address, for the description of a mapped port
    PortMapper::Places places;         // where to look for routers; tests give their own
  };
  struct Callbacks {
    UdpPorts::OnDatagram on_datagram;
    UdpPorts::OnBatch on_batch;
    std::function<void()> on_change;  // sockets() or mapped_endpoints() have changed
  };

  // The error says which address and port, and why. `random` and `loop` outlive this object.
  static Result<std::unique_ptr<Physical>, std::string> open(Options options, RandomSource& random,
                                                             EventLoop& loop, Callbacks callbacks);
  Physical(const Physical&) = delete;
  Physical& operator=(const Physical&) = delete;

  void send(const Outbox& out);

  // ---- what happens
  void on_deadline(Time now);
  Time next_deadline() const;
  // Offline for 120 s: another secondary port may get through what blocks this one.
  void set_online(Time now, bool online);
  // The machine was asleep: perhaps it is somewhere else now.
  void on_resume(Time now);
  void change(Time now, PhysicalSettings settings, const vl1::TcpFallback::Settings& tcp_fallback);
  void set_surroundings(Time now, const Surroundings& around);

  // ---- handing over (service/departure.cc)
  // In the copied process, which has none of the threads but the loop's: asks routers anew.
  void continue_in_copy();
  // In the original: ends the thread that asks routers; everything else is the copy's.
  void abandon();

  // ---- looking in
  const UdpPorts& ports() const { return ports_; }
  const ChosenPorts& chosen_ports() const { return chosen_; }
  const PhysicalSettings& settings() const { return options_.settings; }
  // Where the primary port's sockets are: what a world lists when this node is a root.
  std::vector<Endpoint> primary_endpoints() const;
  // All sockets, each with the addresses behind it that others may be told of.
  std::vector<vl1::BoundSocket> sockets() const;
  bool uses_tcp_relay() const { return relay_ != nullptr && relay_->is_connected(); }
  // Where routers lead to us.
  const std::vector<Endpoint>& mapped_endpoints() const { return mapped_; }

 private:
  Physical(Options options, RandomSource& random, EventLoop& loop, Callbacks callbacks);
  Result<void, std::string> choose_primary();
  std::uint16_t choose_other(std::uint16_t configured);
  std::uint16_t unused_random(std::uint16_t highest);
  void choose_others();
  Result<void, std::string> rebind(bool is_start);
  void refresh(Time now);
  Time renewal_due() const;
  void renew_secondary(Time now, const char* why);
  void supervise_mapper();
  bool wants_mapping() const;
  bool uses_udp() const { return relay_ == nullptr || !relay_->is_forced(); }
  std::vector<UdpBinding> plan() const;
  void set_up_relay();
  void tell();

  Options options_;
  RandomSource& random_;
  EventLoop& loop_;
  UdpPorts::OnDatagram on_datagram_;
  UdpPorts::OnBatch on_batch_;
  std::function<void()> on_change_;
  UdpPorts ports_;
  std::unique_ptr<TcpRelay> relay_;  // nothing when it is off
  ChosenPorts chosen_;
  std::unique_ptr<AddressWatch> watch_;
  std::unique_ptr<PortMapper> mapper_;
  std::vector<Endpoint> mapped_;
  std::vector<vl1::BoundSocket> told_;  // sockets() when last told
  Time refreshed_ = kLongAgo;
  Time refresh_due_ = kLongAgo;
  bool online_ = false;
  Time renewed_ = kLongAgo;  // when being offline began, or a secondary port was last taken for it
};

}  // namespace ztshim::host
