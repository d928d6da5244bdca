// The in-process door: the service as a thread of the program it serves (common/service_entry.h).
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>

#include "common/log.h"
#include "common/service_entry.h"
#include "service/hosted.h"
#include "service/service.h"

namespace ztshim {
namespace {

// Deep enough for JSON and a controller's work; the default of 8 MiB would count against the
// application's limits.
constexpr std::size_t kStackSize = std::size_t{1} << 20;

// What this process hosts. After a fork the child abandons it without touching it: locks, threads
// and the stack's global state in it belong to the parent. Never freed, so that a process may leave
// it at any moment, also in a signal handler that interrupted malloc.
struct Hosted {
  std::unique_ptr<Service> service;
  std::mutex mutex;
  std::condition_variable changed;
  bool may_end = false;  // nobody uses `service` any more
  bool has_ended = false;
};
std::atomic<Hosted*> hosted{nullptr};
// The stack has state of its own in this process, and another's thread was in the middle of it.
bool is_copy_of_a_host = false;
std::atomic<bool> first_thread_has_ended{false};

// Longer than any disk takes to write a few small files.
constexpr std::chrono::seconds kEndPatience{60};

void* run_thread(void* argument) {
  // start_service() was called with all signals blocked, and a thread inherits that; a caller that
  // forgot must not have its handlers run here.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "ztshim");
  auto& own = *static_cast<Hosted*>(argument);
  const auto ended = own.service->run();
  if (!ended) log(LogArea::Service, LogLevel::Error, "the service ended: {}", ended.error());
  std::unique_lock lock(own.mutex);
  const bool is_last_thread = own.service->is_last_thread();
  if (is_last_thread) {
    hosted = nullptr;
    own.may_end = true;
  }
  if (own.service->has_left()) {
    static_cast<void>(own.service.release());  // the copy's
  } else {
    own.changed.wait(lock, [&] { return own.may_end; });
    own.service.reset();
  }
  own.has_ended = true;
  own.changed.notify_all();
  lock.unlock();
  // What libc does in a last thread that ends (pthread_exit(3)).
  if (is_last_thread) ::exit(0);
  return nullptr;
}

bool start_thread(Hosted& to) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackSize);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread{};
  const int error = pthread_create(&thread, &attributes, run_thread, &to);
  pthread_attr_destroy(&attributes);
  return error == 0;
}

ServiceStart start(const Config& config) {
  using Kind = ServiceStart::Kind;
  if (is_copy_of_a_host) {
    return {Kind::Failed, "a process forked from the one that hosts the service cannot host it"};
  }
  if (hosted != nullptr) return {Kind::Hosting, {}};
  ServiceOptions options;
  options.home = config.home;
  options.planet = config.planet;
  options.port = config.port;
  options.networks = config.networks;
  auto service = Service::start(std::move(options));
  if (!service) {
    return {service.error().is_hosted_elsewhere ? Kind::Elsewhere : Kind::Failed,
            service.error().reason};
  }
  auto made = std::make_unique<Hosted>();
  made->service = std::move(*service);
  if (!start_thread(*made)) return {Kind::Failed, "cannot start the service thread"};
  hosted = made.release();
  if (first_thread_has_ended) hosted_service()->watch_threads();
  return {Kind::Hosting, {}};
}

}  // namespace

ServiceStart start_service(const Config& config) noexcept {
  try {
    return start(config);
  } catch (const std::exception& e) {
    return {ServiceStart::Kind::Failed, e.what()};
  }
}

bool is_hosting_service() noexcept { return hosted != nullptr; }

Service* hosted_service() noexcept {
  Hosted* const own = hosted;
  return own == nullptr ? nullptr : own->service.get();
}

void vacate_service_fd(int fd) noexcept {
  Service* const service = hosted_service();
  if (service == nullptr) return;
  try {
    service->vacate(fd);
  } catch (const std::exception&) {  // out of memory: the number is overwritten
  }
}

bool drain_service(Duration patience) noexcept {
  Service* const service = hosted_service();
  if (service == nullptr) return true;
  try {
    return service->drain(patience);
  } catch (const std::exception&) {
    return false;
  }
}

void stop_service() noexcept {
  Hosted* const own = hosted.exchange(nullptr);
  if (own == nullptr) return;
  std::unique_lock lock(own->mutex);
  if (!own->has_ended) own->service->stop();
  own->may_end = true;
  own->changed.notify_all();
  own->changed.wait_for(lock, kEndPatience, [own] { return own->has_ended; });
}

HandOver hand_over_service() noexcept {
  Service* const service = hosted_service();
  if (service == nullptr) return HandOver::Done;
  switch (service->leave()) {
    case Service::Departure::Idle:
      stop_service();
      return HandOver::Done;
    case Service::Departure::HandedOver:
    case Service::Departure::Stuck:
      is_copy_of_a_host = true;
      hosted = nullptr;
      return HandOver::Done;
    case Service::Departure::Refused:
      return HandOver::Refused;
  }
  return HandOver::Done;
}

void note_fork_of_host() noexcept {
  if (Service* const service = hosted_service()) service->note_fork();
}

void note_end_of_first_thread() noexcept {
  first_thread_has_ended = true;
  if (Service* const service = hosted_service()) service->watch_threads();
}

bool is_service_copy() noexcept {
  Service* const service = hosted_service();
  return service != nullptr && service->is_leaving_here();
}

void forget_service_after_fork() noexcept {
  is_copy_of_a_host = is_copy_of_a_host || hosted != nullptr;
  hosted = nullptr;
}

}  // namespace ztshim
