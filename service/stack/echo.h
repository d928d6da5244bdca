// Echo requests of ours (ping) and what comes back. Requests of others are lwIP's to answer.
#pragma once

#include <functional>

#include "service/stack/icmp_error.h"
#include "service/stack/stack.h"

struct netif;
struct raw_pcb;

namespace ztshim::stack {

class Echo {
 public:
  Echo();
  ~Echo();
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;

  void set_listener(std::function<void(const EchoReply&)> listener) {
    listener_ = std::move(listener);
  }
  // ENOBUFS, EMSGSIZE, or what lwIP says.
  std::errc send(netif& out, const IpAddress& source, const EchoRequest& request);
  void on_error(const IcmpError& error);

 private:
  friend struct EchoTrampoline;
  void on_packet(ByteView packet, bool is_v6);

  std::function<void(const EchoReply&)> listener_;
  raw_pcb* v4_ = nullptr;
  raw_pcb* v6_ = nullptr;
};

}  // namespace ztshim::stack
