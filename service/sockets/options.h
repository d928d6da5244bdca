// The socket options a stream knows: what is remembered, what takes effect, what is refused and
// what is left to the kernel object. The table is interposition.md 10.
#pragma once

#include <netinet/tcp.h>

#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "service/stack/pcb.h"
#include "service/stack/stack.h"

namespace ztshim::sockets {

struct Linger {
  int on = 0;
  int seconds = 0;
};

class Options {
 public:
  // What else an answer depends on.
  struct Facts {
    int domain = 0, type = 0, protocol = 0;
    bool is_listening = false;
    bool is_bound = false;  // or more than that
    const stack::Pcb* pcb = nullptr;
    const stack::Stack* stack = nullptr;  // knows the interfaces by name
  };
  // Nothing: the kernel object answers.
  Result<std::optional<Bytes>> get(int level, int name, std::size_t size, const Facts& facts) const;
  enum class Set : std::uint8_t { Done, KernelToo };
  Result<Set> set(int level, int name, ByteView value, const Facts& facts);
  // What bind(2) to an IPv6 address other than the wildcard does on Linux.
  void become_v6_only() { values_.v6_only = 1; }
  // Gives a connection those that concern it.
  void apply_to(stack::Pcb& pcb) const;

  // Set so far, each once, in the order of their first setting.
  struct Remembered {
    int level = 0, name = 0;
    Bytes value;
  };
  const std::vector<Remembered>& remembered() const { return remembered_; }
  void remember(int level, int name, ByteView value);

  // What SO_BINDTODEVICE and the like (or a scope) have bound it to, ours or the host's; 0:
  // nothing.
  std::uint32_t interface_index() const { return interface_index_; }
  void bind_to_interface(std::uint32_t index) { interface_index_ = index; }

  bool reuse_address() const { return values_.reuse_address != 0 || values_.reuse_port != 0; }
  bool reuse_address_alone() const { return values_.reuse_address != 0; }
  bool broadcast() const { return values_.broadcast != 0; }
  int ttl() const { return values_.ttl; }
  int tos() const { return values_.tos; }
  int unicast_hops() const { return values_.unicast_hops; }
  int traffic_class() const { return values_.traffic_class; }
  int mtu_discover() const { return values_.mtu_discover; }
  int v6_mtu_discover() const { return values_.v6_mtu_discover; }
  // Of what a datagram socket holds for its application, in the kernel's measure; 0: the pair's.
  std::size_t receive_limit() const;
  bool reuse_port() const { return values_.reuse_port != 0; }
  bool v6_only() const { return values_.v6_only != 0; }
  bool is_corked() const { return values_.cork != 0; }
  const Linger& linger() const { return linger_; }
  int syn_count() const { return values_.syn_count; }
  unsigned user_timeout_ms() const { return static_cast<unsigned>(values_.user_timeout_ms); }
  int send_buffer() const { return values_.send_buffer; }        // 0: never set
  int receive_buffer() const { return values_.receive_buffer; }  // 0: never set
  std::size_t window_limit() const;

 private:
  friend struct OptionTable;
  struct Values {
    int reuse_address = 0, reuse_port = 0, keep_alive = 0, broadcast = 0, oob_inline = 0;
    int dont_route = 0, debug = 0, busy_poll = 0;
    int send_buffer = 0, receive_buffer = 0, receive_low_water = 1;
    int no_delay = 0, cork = 0, keep_idle = 7200, keep_interval = 75, keep_count = 9;
    int user_timeout_ms = 0, syn_count = 6, max_segment = 0, quick_ack = 1, defer_accept = 0;
    int fast_open = 0, fast_open_connect = 0, linger2 = 60, not_sent_low_water = 0,
        window_clamp = 0;
    int thin_linear = 0, thin_dupack = 0;
    int tos = 0, ttl = 64, mtu_discover = 1, free_bind = 0, bind_no_port = 0;
    int receive_tos = 0, receive_ttl = 0, packet_info = 0;
    int receive_traffic_class = 0, receive_hop_limit = 0, v6_packet_info = 0;
    int v6_only = 0, unicast_hops = 64, traffic_class = 0, auto_flow_label = 1, v6_mtu_discover = 1;
  };
  void forget(int level, int name);
  Result<Set> set_device(ByteView name, const Facts& facts);
  Result<Set> set_device_index(ByteView value, const Facts& facts);

  Values values_;
  Linger linger_;
  std::uint32_t interface_index_ = 0;
  std::string congestion_ = "reno";
  std::vector<Remembered> remembered_;
};

}  // namespace ztshim::sockets
