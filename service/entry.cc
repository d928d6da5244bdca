// The in-process door: the service as a thread of the program it serves (common/service_entry.h).
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <exception>
#include <memory>

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
// and the stack's global state in it belong to the parent.
struct Hosted {
  std::unique_ptr<Service> service;
  pthread_t thread{};
};
Hosted* hosted = nullptr;
bool is_copy_of_a_host = false;

void* run_thread(void* argument) {
  // start_service() was called with all signals blocked, and a thread inherits that; a caller that
  // forgot must not have its handlers run here.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "ztshim");
  const auto ended = static_cast<Service*>(argument)->run();
  if (!ended) log(LogArea::Service, LogLevel::Error, "the service ended: {}", ended.error());
  return nullptr;
}

bool start_thread(Hosted& to) {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackSize);
  const int error = pthread_create(&to.thread, &attributes, run_thread, to.service.get());
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

Service* hosted_service() noexcept { return hosted == nullptr ? nullptr : hosted->service.get(); }

void vacate_service_fd(int fd) noexcept {
  if (hosted == nullptr) return;
  try {
    hosted->service->vacate(fd);
  } catch (const std::exception&) {  // out of memory: the number is overwritten
  }
}

bool drain_service(Duration patience) noexcept {
  if (hosted == nullptr) return true;
  try {
    return hosted->service->drain(patience);
  } catch (const std::exception&) {
    return false;
  }
}

void stop_service() noexcept {
  if (hosted == nullptr) return;
  hosted->service->stop();
  pthread_join(hosted->thread, nullptr);
  delete hosted;
  hosted = nullptr;
}

void forget_service_after_fork() noexcept {
  is_copy_of_a_host = is_copy_of_a_host || hosted != nullptr;
  hosted = nullptr;
}

}  // namespace ztshim
