// Echo requests of `ztshim ping` and what comes back.
#pragma once

#include <functional>

#include "service/stack/icmp_error.h"
#include "service/stack/stack.h"

namespace ztshim::stack {

class Icmp;

class Echo {
 public:
  explicit Echo(Icmp& icmp) : icmp_(icmp) {}

  void set_listener(std::function<void(const EchoReply&)> listener) {
    listener_ = std::move(listener);
  }
  bool is_listening() const { return static_cast<bool>(listener_); }
  // What Icmp::send() says.
  std::errc send(const Stack::Hop& hop, const EchoRequest& request);
  // `message`: an echo reply whose checksum is right.
  void on_answer(const IpAddress& from, ByteView message, std::uint8_t hops);
  void on_error(const IcmpError& error);

 private:
  Icmp& icmp_;
  std::function<void(const EchoReply&)> listener_;
};

}  // namespace ztshim::stack
