#include "service/api/server.h"

#include <fmt/core.h>
#include <httplib.h>
#include <signal.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "common/log.h"
#include "common/real.h"
#include "service/api/connection.h"
#include "service/api/handler.h"

namespace ztshim::api {
namespace {

// Answering takes microseconds: more workers only help against slow clients.
constexpr std::size_t kWorkers = 4;
// For the request, and again for taking the answer. A large body on loopback takes a fraction.
constexpr std::chrono::milliseconds kTimeLimit{10'000};
// A chunked body's size lines come on top of its bytes.
constexpr std::size_t kChunkOverhead = std::size_t{64} << 10;
constexpr const char* kEverything = ".*";

// The connection this worker serves: the library's handlers do not hand it on.
thread_local Connection* current = nullptr;

// Threads made in its scope have every signal blocked: handlers belong to the main thread.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

// A few threads and no queue to speak of: whoever brings more work waits.
class Workers final : public httplib::TaskQueue {
 public:
  Workers() {
    for (std::size_t i = 0; i < kWorkers; ++i) threads_.emplace_back([this] { work(); });
  }
  void enqueue(std::function<void()> job) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return jobs_.size() < kWorkers; });
    jobs_.push_back(std::move(job));
    changed_.notify_all();
  }
  void shutdown() override {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
      changed_.notify_all();
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_over_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      changed_.notify_all();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

Request request_of(const httplib::Request& from) {
  Request request;
  request.method = from.method;
  request.path = from.path;
  for (const auto& [key, value] : from.params) request.query.try_emplace(key, value);
  if (const auto client = IpAddress::parse(from.remote_addr)) request.client = *client;
  request.host = from.get_header_value("Host");
  request.token = from.get_header_value("X-ZT1-Auth");
  request.authorization = from.get_header_value("Authorization");
  request.content_type = from.get_header_value("Content-Type");
  request.content_length = from.get_header_value<std::uint64_t>("Content-Length");
  return request;
}

void put(const Response& from, httplib::Response& to) {
  to.status = from.status;
  if (!from.content_type.empty()) to.set_content(from.body, from.content_type);
}

// The library's server with our connections: one request each, within limits.
class HttpServer final : public httplib::Server {
 public:
  HttpServer(const Access& access, Backend& backend) : access_(access), backend_(backend) {
    new_task_queue = [] { return new Workers; };
    set_payload_max_length(kMaxBody);
    // Without SO_REUSEPORT, the library's choice: two services must not share a port unnoticed.
    set_socket_options([](int fd) {
      const int yes = 1;
      real().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    set_pre_routing_handler([this](const auto& from, auto& to) { return judge(from, to); });
    Get(kEverything, [this](const auto& from, auto& to) { answer(request_of(from), to); });
    const auto with_body = [this](const auto& from, auto& to, const auto& reader) {
      answer_with_body(from, to, reader);
    };
    Post(kEverything, with_body);
    Put(kEverything, with_body);
    Delete(kEverything, with_body);
  }

  // Makes workers that wait for their clients come back at once.
  void hang_up() {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    for (const int fd : open_) real().shutdown(fd, SHUT_RDWR);
  }

 private:
  bool process_and_close_socket(socket_t fd) override {
    Connection connection(fd, kTimeLimit);
    current = &connection;
    bool is_served = false;
    if (enter(fd)) {
      bool closed = false;
      is_served = process_request(connection, true, closed, nullptr);
      connection.finish();
    }
    current = nullptr;
    leave(fd);
    real().close(fd);
    return is_served;
  }

  bool enter(int fd) {
    const std::lock_guard lock(mutex_);
    if (!is_ending_) open_.insert(fd);
    return !is_ending_;
  }
  void leave(int fd) {
    const std::lock_guard lock(mutex_);
    open_.erase(fd);
  }

  HandlerResponse judge(const httplib::Request& from, httplib::Response& to) {
    const Request request = request_of(from);
    if (const auto refusal = access_.refuse(request)) {
      put(*refusal, to);
      return HandlerResponse::Handled;
    }
    const bool is_chunked = from.has_header("Transfer-Encoding");
    current->expect_body(is_chunked ? kMaxBody + kChunkOverhead : request.content_length);
    return HandlerResponse::Unhandled;
  }

  void answer_with_body(const httplib::Request& from, httplib::Response& to,
                        const httplib::ContentReader& reader) {
    Request request = request_of(from);
    bool is_too_long = false;
    const bool is_whole = reader([&](const char* bytes, std::size_t size) {
      is_too_long = request.body.size() + size > kMaxBody;  // it may have been compressed
      if (!is_too_long) request.body.append(bytes, size);
      return !is_too_long;
    });
    if (is_too_long) return put(Response::bare(413), to);
    if (!is_whole ||
        (!from.has_header("Transfer-Encoding") && !from.has_header("Content-Encoding") &&
         request.body.size() != request.content_length)) {
      return put(Response::bare(400), to);
    }
    answer(request, to);
  }

  void answer(const Request& request, httplib::Response& to) {
    put(handle(request, backend_), to);
    current->begin_answer();
  }

  const Access& access_;
  Backend& backend_;
  std::mutex mutex_;
  std::set<int> open_;
  bool is_ending_ = false;
};

}  // namespace

class Server::Impl {
 public:
  Impl(Access access, Backend& backend) : access_(std::move(access)), backend_(backend) {}
  ~Impl() {
    for (const auto& listener : listeners_) {
      listener->http.hang_up();
      listener->http.stop();
    }
    for (const auto& listener : listeners_) listener->thread.join();
  }

  bool listen(const Endpoint& at) {
    auto listener = std::make_unique<Listener>(access_, backend_);
    if (!listener->http.bind_to_port(at.ip.text(), at.port)) return false;
    const SignalsBlocked blocked;
    listener->thread = std::thread([http = &listener->http] { http->listen_after_bind(); });
    // stop() does nothing to a server that does not run yet.
    while (!listener->http.is_running()) std::this_thread::yield();
    listeners_.push_back(std::move(listener));
    return true;
  }

 private:
  struct Listener {
    Listener(const Access& access, Backend& backend) : http(access, backend) {}
    HttpServer http;
    std::thread thread;
  };
  const Access access_;
  Backend& backend_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>, std::string> Server::start(const std::vector<Endpoint>& endpoints,
                                                           Access access, Backend& backend) {
  auto impl = std::make_unique<Impl>(std::move(access), backend);
  std::string missing;
  std::size_t count = 0;
  for (const Endpoint& endpoint : endpoints) {
    if (impl->listen(endpoint)) {
      ++count;
    } else {
      missing += (missing.empty() ? "" : ", ") + endpoint.text();
    }
  }
  if (count == 0) return failure(fmt::format("cannot listen at {}", missing));
  if (!missing.empty()) {
    log(LogArea::Service, LogLevel::Info, "the local API does not listen at {}", missing);
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

}  // namespace ztshim::api
