// Measures a pair of ordinary blocking sockets: bulk each way, ping-pong, connections. Knows
// nothing of us, so it runs on the kernel and under the shim unchanged; tests/bench/run drives it.
//
//   socket_bench serve PORT
//   socket_bench measure HOST PORT BULK_MIB ROUNDS CONNECTIONS     prints one line of JSON
//
// A connection begins with one command byte and a 64-bit number n (host order, same machine):
//   U  client sends n bytes, server answers 8    D  server sends n bytes
//   E  server echoes messages of 64 bytes        C  server answers one byte and closes
//   R  server answers its CPU time so far, in nanoseconds
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::size_t kBlock = 256 * 1024;
constexpr std::size_t kMessage = 64;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::uint64_t cpu_ns() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto ns = [](const timeval& t) {
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(t.tv_usec) * 1'000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

bool read_all(int fd, void* to, std::size_t size) {
  auto* at = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t got = read(fd, at, size);
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_all(int fd, const void* from, std::size_t size) {
  const auto* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t put = write(fd, at, size);
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

struct Command {
  char verb = 0;
  std::uint64_t number = 0;
};

void serve_connection(int fd) {
  static std::vector<char> block(kBlock, 'x');
  char verb = 0;
  std::uint64_t number = 0;
  if (!read_all(fd, &verb, 1) || !read_all(fd, &number, sizeof number)) return;
  switch (verb) {
    case 'U': {
      for (std::uint64_t left = number; left > 0;) {
        const ssize_t got = read(fd, block.data(), std::min<std::uint64_t>(left, block.size()));
        if (got <= 0) return;
        left -= static_cast<std::uint64_t>(got);
      }
      write_all(fd, &number, sizeof number);
      break;
    }
    case 'D':
      for (std::uint64_t left = number; left > 0;) {
        const std::size_t size = std::min<std::uint64_t>(left, block.size());
        if (!write_all(fd, block.data(), size)) return;
        left -= size;
      }
      break;
    case 'E': {
      char message[kMessage];
      while (read_all(fd, message, sizeof message) && write_all(fd, message, sizeof message)) {
      }
      break;
    }
    case 'C':
      write_all(fd, &verb, 1);
      break;
    case 'R': {
      const std::uint64_t used = cpu_ns();
      write_all(fd, &used, sizeof used);
      break;
    }
    default:
      break;
  }
}

int serve(const char* port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) die("bind");
  if (listen(listener, 128) != 0) die("listen");
  std::puts("listening");
  std::fflush(stdout);
  for (;;) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) die("accept");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    serve_connection(fd);
    close(fd);
  }
}

class Client {
 public:
  Client(const char* host, const char* port) {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host, port, &hints, &where_) != 0) die("getaddrinfo");
  }
  ~Client() { freeaddrinfo(where_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int open(Command command) const {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, where_->ai_addr, where_->ai_addrlen) != 0) die("connect");
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char head[1 + sizeof command.number];
    head[0] = command.verb;
    std::memcpy(head + 1, &command.number, sizeof command.number);
    if (!write_all(fd, head, sizeof head)) die("write");
    return fd;
  }
  std::uint64_t server_cpu_ns() const {
    const int fd = open({'R', 0});
    std::uint64_t used = 0;
    if (!read_all(fd, &used, sizeof used)) die("read");
    close(fd);
    return used;
  }

 private:
  addrinfo* where_ = nullptr;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Bulk {
  double gbit_s = 0, cpu_ns_per_byte = 0;
};

Bulk measure_bulk(const Client& client, char verb, std::uint64_t bytes) {
  std::vector<char> block(kBlock, 'y');
  const std::uint64_t before = client.server_cpu_ns() + cpu_ns();
  const auto start = std::chrono::steady_clock::now();
  const int fd = client.open({verb, bytes});
  for (std::uint64_t left = bytes; left > 0;) {
    const std::size_t size = std::min<std::uint64_t>(left, block.size());
    if (verb == 'U') {
      if (!write_all(fd, block.data(), size)) die("write");
      left -= size;
    } else {
      const ssize_t got = read(fd, block.data(), size);
      if (got <= 0) die("read");
      left -= static_cast<std::uint64_t>(got);
    }
  }
  std::uint64_t answer = 0;
  if (verb == 'U' && (!read_all(fd, &answer, sizeof answer) || answer != bytes)) die("answer");
  const double seconds = seconds_since(start);
  close(fd);
  const std::uint64_t used = client.server_cpu_ns() + cpu_ns() - before;
  return {static_cast<double>(bytes) * 8 / seconds / 1e9,
          static_cast<double>(used) / static_cast<double>(bytes)};
}

int measure(char** argv) {
  const Client client(argv[2], argv[3]);
  const std::uint64_t bytes = std::strtoull(argv[4], nullptr, 10) << 20;
  const long rounds = std::atol(argv[5]);
  const long connections = std::atol(argv[6]);

  const Bulk up = measure_bulk(client, 'U', bytes);
  const Bulk down = measure_bulk(client, 'D', bytes);

  char message[kMessage] = {};
  const int fd = client.open({'E', 0});
  auto start = std::chrono::steady_clock::now();
  for (long i = 0; i < rounds; ++i) {
    if (!write_all(fd, message, sizeof message) || !read_all(fd, message, sizeof message))
      die("echo");
  }
  const double round_us = seconds_since(start) * 1e6 / static_cast<double>(rounds);
  close(fd);

  start = std::chrono::steady_clock::now();
  for (long i = 0; i < connections; ++i) {
    const int one = client.open({'C', 0});
    char answer = 0;
    if (!read_all(one, &answer, 1)) die("connection");
    close(one);
  }
  const double per_second = static_cast<double>(connections) / seconds_since(start);

  std::printf(
      "{\"up_gbit_s\": %.3f, \"up_ns_per_byte\": %.3f, \"down_gbit_s\": %.3f, "
      "\"down_ns_per_byte\": %.3f, \"round_trip_us\": %.1f, \"connections_s\": %.0f}\n",
      up.gbit_s, up.cpu_ns_per_byte, down.gbit_s, down.cpu_ns_per_byte, round_us, per_second);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "serve") == 0) return serve(argv[2]);
  if (argc == 7 && std::strcmp(argv[1], "measure") == 0) return measure(argv);
  std::fputs("usage: socket_bench serve PORT | measure HOST PORT BULK_MIB ROUNDS CONNECTIONS\n",
             stderr);
  return 64;
}
