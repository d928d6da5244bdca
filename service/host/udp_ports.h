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
#include "common/unique_fd.h"
#include "service/host/event_loop.h"
#include "service/host/udp_batches.h"
#include "service/host/udp_receiver.h"
#include "service/host/udp_sender.h"
#include "service/vl1/outbox.h"
#include "service/vl1/settings.h"

namespace ztshim::host {

// A socket that is wanted.
struct UdpBinding {
  Endpoint local;         // with its port
  std::string interface;  // to send through, where the kernel permits; empty: by the routing table
  bool required = false;  // an error when it cannot be had, instead of doing without
};

class UdpPorts {
 public:
  struct Options {
    bool segmentation = true;
    bool coalescing = true;
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

  // Without sockets yet. `loop` outlives this object.
  UdpPorts(Options options, EventLoop& loop, OnDatagram on_datagram, OnBatch on_batch);
  ~UdpPorts();
  UdpPorts(const UdpPorts&) = delete;
  UdpPorts& operator=(const UdpPorts&) = delete;

  // 0, or errno: one more socket, with a number that no other has had.
  int add(const UdpBinding& binding);
  // Closes the sockets for which `keep` is false. Not from within the callbacks.
  void close_unless(const std::function<bool(const Endpoint& local)>& keep);
  bool has(const Endpoint& local) const;
  std::size_t count() const { return ports_.size(); }

  // Sends every datagram in `out`.
  void send(const Outbox& out);

  std::vector<Endpoint> local_endpoints() const;
  std::vector<vl1::BoundSocket> sockets() const;  // each with the endpoint it is bound to
  // The smallest granted receive buffer: what bounds a useful TCP window (performance.md 3).
  int receive_buffer() const;
  bool uses_segmentation() const;  // on every socket
  Counters counters() const;

 private:
  class Port;

  void receive(Port& port);

  const Options options_;
  EventLoop& loop_;
  OnDatagram on_datagram_;
  OnBatch on_batch_;
  std::vector<std::unique_ptr<Port>> ports_;  // by number, ascending
  LocalSocket last_id_ = kAnySocket;
  UdpReceiver receiver_;
  UdpSender sender_;
  std::vector<UdpBatch> batches_;
  std::uint64_t datagrams_in_ = 0, receive_calls_ = 0, dropped_socket_ = 0;
};

}  // namespace ztshim::host
