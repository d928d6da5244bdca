// A UDP socket: datagrams between the application's pair (common/datagram.h) and the stack.
//
// How it works. What the application writes is read in batches and leaves at once; nothing waits on
// this way. What comes is noted, and written into the pair once a turn, several with one system
// call; when the application does not read, it is dropped and counted, as UDP does. All that a send
// owes its caller is told beforehand (check_send), because the pair brings no answers.
#pragma once

#include <vector>

#include "common/datagram.h"
#include "service/sockets/socket.h"
#include "service/stack/udp.h"

namespace ztshim::sockets {

class DatagramSocket final : public Socket, private stack::DatagramReceiver {
 public:
  DatagramSocket(Hub& hub, SocketId id, const SocketKind& kind, int owner_pid,
                 UniqueFd service_end);
  ~DatagramSocket() override;

  // What its process wants; it is asked for each datagram.
  void set_policy(const Policy& policy) { policy_ = policy; }
  bool is_bound() const { return port_ != 0; }
  // To the address of ours, or the wildcard.
  Outcome bind(const Endpoint& local);
  // `peer` is not IPv4-mapped.
  Outcome connect(const Endpoint& peer);
  Outcome disconnect();
  // rpc::CheckSend; `to` is empty or in its own family.
  Outcome check_send(const Endpoint& to, std::size_t size, std::uint32_t interface_index);
  bool is_connected() const { return static_cast<bool>(peer_); }
  void shut_down(int how);

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
  struct Way {
    bool is_host = false;
    stack::PacketWay packet;
  };
  void on_datagram(const stack::Datagram& datagram) override;
  void on_icmp_error(const stack::IcmpError& error) override;

  std::errc enter_port(std::uint16_t port);
  void leave_port();
  stack::Claim claim() const;
  Result<Way> way_to(const Endpoint& to, const IpAddress& source,
                     std::uint32_t interface_index) const;
  std::errc check_family(const IpAddress& ip) const;
  // Reads what the application has written up to now, so that it leaves before anything changes.
  void send_waiting();
  void send(ByteView message);
  void deliver();
  DatagramHeader header_for(const stack::Datagram& datagram) const;
  bool must_have_header(const stack::Datagram& datagram) const;
  Options::Facts facts() const;

  Policy policy_;
  IpAddress bound_;          // by bind(); empty: not at all, unspecified: to the wildcard
  bool chose_port_ = false;  // bind() named it
  std::uint16_t port_ = 0;
  IpAddress source_;  // chosen by connect()
  Endpoint peer_;
  std::vector<stack::Datagram> received_;
  bool application_shut_ = false, application_gone_ = false;
  bool is_shut_for_reading_ = false, is_shut_for_writing_ = false;
  std::uint64_t receive_drops_ = 0, send_drops_ = 0;
};

}  // namespace ztshim::sockets
