// The node's physical datagrams: its bound UDP sockets, and the fewest system calls between them
// and the node. Does not know what the datagrams mean.
//
// How it works. Outwards, neighbouring datagrams to one destination leave as one segmented send
// (UDP_SEGMENT), and several sends go into one sendmmsg. Inwards, UDP_GRO hands over runs of equal
// datagrams in one buffer, which are cut by the size in the control message (performance.md 2). A
// kernel or path that does not take segmented sends says so with EIO or EINVAL: the batch is sent
// again one by one, and that socket does without from then on. A full send buffer is waited for
// briefly, once per send(); what then does not fit is dropped and counted, as a network would.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/result.h"
#include "common/unique_fd.h"
#include "service/crypto/random.h"
#include "service/host/event_loop.h"
#include "service/host/udp_batches.h"
#include "service/host/udp_receiver.h"
#include "service/host/udp_sender.h"
#include "service/vl1/outbox.h"

namespace ztshim::host {

class UdpPorts {
 public:
  struct Options {
    // Local addresses to bind; empty: the IPv4 and the IPv6 wildcard. An endpoint's own port, if
    // not 0, takes the place of `port`.
    std::vector<Endpoint> bind;
    std::uint16_t port = 0;  // 0: any free one, the same for all addresses
    bool segmentation = true;
    bool coalescing = true;
    std::uint16_t preferred_port = 0;  // tried first where any will do
  };
  struct Counters {
    std::uint64_t datagrams_in = 0, datagrams_out = 0;
    std::uint64_t receive_calls = 0, send_calls = 0;
    std::uint64_t dropped_full = 0, dropped_error = 0;  // UdpSender::Counters
    std::uint64_t dropped_socket = 0;                   // no socket of that number or family
  };
  // Called for each datagram; the bytes may be changed and are gone afterwards.
  using OnDatagram = std::function<void(const Arrival&, MutableBytes)>;
  // Called after the datagrams that one receive call brought.
  using OnBatch = std::function<void()>;

  // The error says which address and port, and why. `loop` outlives this object.
  static Result<std::unique_ptr<UdpPorts>, std::string> open(const Options& options,
                                                             RandomSource& random, EventLoop& loop,
                                                             OnDatagram on_datagram,
                                                             OnBatch on_batch);
  ~UdpPorts();
  UdpPorts(const UdpPorts&) = delete;
  UdpPorts& operator=(const UdpPorts&) = delete;

  // Sends every datagram in `out`.
  void send(const Outbox& out);

  std::vector<Endpoint> local_endpoints() const;
  std::uint16_t port() const;  // of the first socket
  // The smallest granted receive buffer: what bounds a useful TCP window (performance.md 3).
  int receive_buffer() const;
  bool uses_segmentation() const;  // on every socket
  Counters counters() const;

 private:
  class Port;

  UdpPorts(EventLoop& loop, OnDatagram on_datagram, OnBatch on_batch);
  Result<void, std::string> bind_all(const Options& options, std::uint16_t port, int& error);
  void receive(Port& port);

  EventLoop& loop_;
  OnDatagram on_datagram_;
  OnBatch on_batch_;
  std::vector<std::unique_ptr<Port>> ports_;
  UdpReceiver receiver_;
  UdpSender sender_;
  std::vector<UdpBatch> batches_;
  std::uint64_t datagrams_in_ = 0, receive_calls_ = 0, dropped_socket_ = 0;
};

}  // namespace ztshim::host
