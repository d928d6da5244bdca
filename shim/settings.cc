#include "shim/settings.h"

#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/log.h"
#include "common/real.h"
#include "shim/answer.h"
#include "shim/capability.h"
#include "shim/no_cancel.h"

namespace ztshim {
namespace {

using Parsed = Result<Config, std::string>;

enum class Progress : int { Nothing, Busy, Done };

// A thing that one thread makes and all others wait for; constant-initialised, because hooks may
// run before our constructor. (Function-level statics would lock, and a signal handler would hang.)
class Once {
 public:
  // False: this very thread is in the middle of it (malloc or a library called a hook).
  template <typename Make>
  bool ensure(Make make) noexcept {
    if (progress_.load(std::memory_order_acquire) == Progress::Done) return true;
    if (busy_here_) return false;
    Progress expected = Progress::Nothing;
    if (progress_.compare_exchange_strong(expected, Progress::Busy)) {
      busy_here_ = true;
      make();
      busy_here_ = false;
      progress_.store(Progress::Done, std::memory_order_release);
      return true;
    }
    while (progress_.load(std::memory_order_acquire) != Progress::Done) ::sched_yield();
    return true;
  }

 private:
  std::atomic<Progress> progress_{Progress::Nothing};
  // One flag for all of them: what is made here never needs another of them half-made.
  __attribute__((tls_model("initial-exec"))) static inline constinit thread_local bool busy_here_ =
      false;
};

constinit Once reading;
constinit Once deciding;
// Leaked on purpose: other threads may still call hooks while the process exits.
constinit const Parsed* parsed = nullptr;
constinit std::atomic<bool> strict{false};
constinit Mode decided = Mode::PassThrough;

void say(std::string_view line) noexcept {
  std::string text(line);
  text += '\n';
  // Nothing can be done about a standard error that does not take it.
  [[maybe_unused]] const ssize_t written = real().write(2, text.data(), text.size());
}

Egress egress_or_split() {
  const auto lookup = [](const char* name) -> const char* { return std::getenv(name); };
  return Config::egress_or_split(lookup);
}

Mode refuse_or_pass() {
  return egress_or_split() == Egress::Virtual ? Mode::Refuse : Mode::PassThrough;
}

// Without a network the library changes nothing, whatever the egress.
bool asks_for_nothing_to_leak() {
  if (!*parsed) return egress_or_split() == Egress::Virtual;
  const Config& settings = **parsed;
  return !settings.disabled && settings.egress == Egress::Virtual && settings.is_wanted();
}

Mode decide() {
  if (!*parsed) {
    say(parsed->error());
    return refuse_or_pass();
  }
  const Config& settings = **parsed;
  if (settings.disabled) return Mode::PassThrough;
  if (!settings.log.empty()) configure_log(settings.log);
  if (!settings.log_file.empty() && !configure_log_file(settings.log_file)) {
    say("ztshim: ZTSHIM_LOG_FILE=" + settings.log_file +
        ": cannot be opened; allowed: a writable path");
    return refuse_or_pass();
  }
  // Whoever gave us a capability has a network, wherever its home is by now.
  if (capability::current() < 0 && !settings.is_wanted()) {
    log(LogArea::Shim, LogLevel::Info,
        "no network configured: ZTSHIM_NETWORK is not set and {}/networks.d has none; "
        "nothing is changed for this program",
        settings.home);
    return Mode::PassThrough;
  }
  return Mode::Virtual;
}

}  // namespace

void read_settings() noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  reading.ensure([] {
    try {
      parsed = new Parsed(Config::from_environment());
      strict = asks_for_nothing_to_leak();
    } catch (...) {  // out of memory: as good as a setting we cannot read
      parsed = new (std::nothrow) Parsed(failure(std::string()));
    }
  });
}

bool may_be_active() noexcept { return parsed == nullptr || !*parsed || !(*parsed)->disabled; }
bool is_strict() noexcept { return strict.load(std::memory_order_relaxed); }

Mode mode() noexcept {
  const KeepErrno keep;
  const NoCancel no_cancel;
  read_settings();
  const bool is_decided = deciding.ensure([] {
    try {
      if (parsed != nullptr) decided = decide();
    } catch (...) {
      decided = Mode::PassThrough;
    }
  });
  return is_decided ? decided : Mode::PassThrough;
}

const Config& config() noexcept { return **parsed; }

}  // namespace ztshim
