// A datagram socket: datagrams between the application's pair (common/datagram.h), the stack and,
// where the application speaks to the host as well, a kernel socket.
//
// How it works. What the application writes is read in batches and leaves at once; nothing waits on
// this way. What comes is noted, and written into the pair once a turn; when the application does
// not read, it is dropped and counted, as UDP does. All that a send owes its caller is told
// beforehand (check_send), because the pair brings no answers. Each datagram goes its own way:
// to a network of ours, or through the kernel socket, which is opened when it is first needed.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "common/datagram.h"
#include "service/sockets/datagram_options.h"
#include "service/sockets/datagram_protocol.h"
#include "service/sockets/host_datagrams.h"
#include "service/sockets/membership_option.h"
#include "service/sockets/memberships.h"
#include "service/sockets/socket.h"

namespace ztshim::sockets {

class DatagramSocket final : public Socket, private stack::DatagramReceiver {
 public:
  DatagramSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                 std::unique_ptr<DatagramProtocol> protocol, UniqueFd service_end);
  ~DatagramSocket() override;

  // What its process wants; it is asked for each datagram.
  void set_policy(const Policy& policy) { policy_ = policy; }
  bool is_bound() const { return port_ != 0; }
  // To an address of ours, the wildcard, a broadcast address or a group.
  Outcome bind(const Endpoint& local);
  // `peer` is not IPv4-mapped.
  Outcome connect(const Endpoint& peer);
  Outcome disconnect();
  // rpc::CheckSend; `to` is empty or not IPv4-mapped.
  Outcome check_send(const Endpoint& to, std::size_t size, std::uint32_t interface_index);
  // The oldest of the error queue, with the bytes that came back; nothing: it is empty.
  std::optional<Bytes> take_error_message();
  bool is_connected() const { return static_cast<bool>(peer_); }
  void shut_down(int how);
  // How many datagrams nobody took, or could not leave.
  std::uint64_t drops() const { return receive_drops_ + send_drops_; }

  // ---- Socket
  void advance() override;
  void on_ready(std::uint32_t events) override;
  Endpoint local() const override;
  Endpoint peer() const override { return peer_ ? in_family(peer_) : Endpoint{}; }
  std::string state() const override { return peer_ ? "ESTABLISHED" : "UNCONNECTED"; }
  Result<std::optional<Bytes>> get_option(int level, int name, std::size_t size) const override;
  Result<bool> set_option(int level, int name, ByteView value) override;
  void application_closed() override;

 private:
  // Where a datagram goes: out of the stack, or to the host by the interface of this number.
  struct Way {
    bool is_host = false;
    std::uint32_t host_interface = 0;
    bool is_group = false;  // a broadcast address or a multicast group
    stack::PacketWay packet;
  };
  // What a call or a header asks for besides the destination.
  struct Wishes {
    IpAddress source;
    std::uint32_t interface_index = 0;
    int hop_limit = -1, traffic_class = -1;
  };
  struct Arrival {
    stack::Datagram datagram;
    std::uint32_t interface_index = 0;  // as the application knows it
    std::int64_t received_ns = 0;
    std::errc error{};  // instead of a datagram
  };
  void on_datagram(const stack::Datagram& datagram) override;
  void on_icmp_error(const stack::IcmpError& error) override;

  // ---- names and ways: datagram_ways.cc
  std::errc enter_port(std::uint16_t port);
  void leave_port();
  void change_claim();
  stack::Claim claim() const;
  IpAddress own_address() const;
  std::errc check_family(const IpAddress& ip) const;
  Result<Way> way_to(const Endpoint& to, const Wishes& wishes) const;
  Result<Way> way_to_group(const IpAddress& to, std::uint32_t index, const IpAddress& own) const;
  Result<Way> way_to_one(const Endpoint& to, std::uint32_t index, const IpAddress& own) const;
  // As options and calls know interfaces; nothing: one of the host's.
  std::optional<stack::InterfaceId> interface_of(std::uint32_t index) const;
  std::uint32_t index_for(const IpAddress& ip, stack::InterfaceId interface) const;
  std::errc check_size(const Endpoint& to, const Way& way, std::size_t size) const;
  std::errc open_host(const Endpoint& local);
  bool is_bound_to_wildcard() const { return !bound_ || bound_.is_unspecified(); }

  // ---- traffic
  // Reads what the application has written up to now, so that it leaves before anything changes.
  void send_waiting();
  void send(ByteView message);
  std::errc send_to(const Endpoint& to, const Wishes& wishes, ByteView payload);
  void receive_from_host();
  void deliver();
  bool write_message(const Arrival& arrival);
  DatagramHeader header_for(const Arrival& arrival) const;
  bool must_have_header(const Arrival& arrival) const;
  void tell_error(std::errc error);
  void queue_error(stack::IcmpError error);

  // ---- options: datagram_settings.cc
  Options::Facts facts() const;
  Result<void> change_membership(const MembershipOption& option);
  Result<std::optional<stack::InterfaceId>> membership_interface(
      const MembershipOption& option) const;

  const std::unique_ptr<DatagramProtocol> protocol_;
  DatagramOptions datagram_options_;
  Memberships memberships_;
  Policy policy_;
  IpAddress bound_;          // by bind(); empty: not at all, unspecified: to the wildcard
  bool chose_port_ = false;  // bind() named it
  std::uint16_t port_ = 0;
  IpAddress source_;  // chosen by connect()
  Endpoint peer_;
  std::unique_ptr<HostDatagrams> host_;
  bool host_ready_ = false;
  std::vector<Arrival> arrivals_;
  std::deque<stack::IcmpError> errors_;  // for those who asked (IP_RECVERR), oldest first
  bool application_shut_ = false, application_gone_ = false;
  bool is_shut_for_reading_ = false, is_shut_for_writing_ = false;
  std::uint64_t receive_drops_ = 0, send_drops_ = 0;
};

}  // namespace ztshim::sockets
