// One client's connection with its limits: the time it may take, the bytes it may send. What the
// HTTP library reads and writes through.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>

namespace ztshim::api {

class Connection final : public httplib::Stream {
 public:
  // The request must be here within `limit`; the answer, once it is made, must be taken within as
  // much. The descriptor stays the caller's.
  Connection(int fd, std::chrono::milliseconds limit)
      : fd_(fd), limit_(limit), deadline_(std::chrono::steady_clock::now() + limit) {}

  // A head longer than this ends the connection: the library bounds a line, not their number.
  static constexpr std::size_t kMaxHead = std::size_t{64} << 10;
  // From here on the body: so many bytes may follow, then there is an end. A request without a
  // length has no body (RFC 9112, 6.3); the library would wait for the client to close.
  void expect_body(std::size_t size) { allowance_ = size; }

  // The answer is made: the time it took is not the client's fault.
  void begin_answer() { deadline_ = std::chrono::steady_clock::now() + limit_; }

  // After the answer: takes in what the client still sends, for a moment, because closing with
  // unread bytes resets the connection and may destroy the answer on its way.
  void finish();

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_; }

 private:
  std::size_t unread() const { return filled_ - used_; }
  bool wait_for(short events) const;

  int fd_;
  std::chrono::milliseconds limit_;
  std::chrono::steady_clock::time_point deadline_;
  std::size_t allowance_ = kMaxHead;  // bytes that may still be handed out
  std::array<char, 8192> buffer_;
  std::size_t used_ = 0, filled_ = 0;
};

}  // namespace ztshim::api
