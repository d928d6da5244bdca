#include "common/log.h"

#include <fcntl.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <time.h>

#include <array>
#include <atomic>
#include <chrono>
#include <iterator>
#include <memory>
#include <optional>
#include <string>

#include "common/internal_fds.h"
#include "common/real.h"
#include "common/unique_fd.h"

namespace ztshim {
namespace {

constexpr std::array<std::string_view, kLogAreaCount> kAreaNames{
    "shim", "rpc", "vl1", "vl2", "controller", "node", "stack", "sockets", "host", "service"};
constexpr std::array<std::string_view, 6> kLevelNames{"trace", "debug", "info",
                                                      "warn",  "error", "off"};

// Constant-initialised: hooks may ask before our constructors have run.
constinit std::array<std::atomic<LogLevel>, kLogAreaCount> levels{
    LogLevel::Warn, LogLevel::Warn, LogLevel::Warn, LogLevel::Warn, LogLevel::Warn,
    LogLevel::Warn, LogLevel::Warn, LogLevel::Warn, LogLevel::Warn, LogLevel::Warn};

std::optional<LogLevel> level_named(std::string_view name) {
  for (std::size_t i = 0; i < kLevelNames.size(); ++i) {
    if (kLevelNames[i] == name) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

std::optional<std::size_t> area_named(std::string_view name) {
  for (std::size_t i = 0; i < kAreaNames.size(); ++i) {
    if (kAreaNames[i] == name) return i;
  }
  return std::nullopt;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::Trace:
      return spdlog::level::trace;
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warn:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
    case LogLevel::Off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

// A descriptor among our own, which no program's close-all loop reaches; each line is one write, so
// that the lines of several processes stay whole.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FileSink(const UniqueFd& fd) : fd_(fd) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    [[maybe_unused]] const ssize_t written = real().write(fd_.get(), line.data(), line.size());
  }
  void flush_() override {}

  const UniqueFd& fd_;
};

// The same lines without libc's calendar, whose lock a thread of the process we were copied from
// may have held.
class CopyFormatter final : public spdlog::formatter {
 public:
  explicit CopyFormatter(std::chrono::seconds east_of_utc) : east_of_utc_(east_of_utc) {}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override {
    using namespace std::chrono;
    const auto time = time_point_cast<milliseconds>(message.time) + east_of_utc_;
    const auto day = floor<days>(time);
    const year_month_day date(day);
    const hh_mm_ss clock(time - day);
    fmt::format_to(std::back_inserter(line),
                   "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} ztshim {} {}\n", int{date.year()},
                   unsigned{date.month()}, unsigned{date.day()}, clock.hours().count(),
                   clock.minutes().count(), clock.seconds().count(), clock.subseconds().count(),
                   std::string_view(spdlog::level::to_string_view(message.level).data()),
                   std::string_view(message.payload.data(), message.payload.size()));
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<CopyFormatter>(east_of_utc_);
  }

 private:
  const std::chrono::seconds east_of_utc_;
};

// Leaked, as the logger is.
constinit std::atomic<const UniqueFd*> file{nullptr};
constinit std::atomic<long> east_of_utc_s{0};

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
  auto made = std::make_shared<spdlog::logger>("ztshim", std::move(sink));
  made->set_level(spdlog::level::trace);
  made->flush_on(spdlog::level::trace);
  made->set_pattern("%Y-%m-%d %H:%M:%S.%e ztshim %l %v");
  return made;
}

// Leaked on purpose: other threads may log while the process exits.
std::shared_ptr<spdlog::logger>& logger() {
  static auto* const held = new std::shared_ptr<spdlog::logger>(
      make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  return *held;
}

// The levels after `text` has been applied to those in force.
std::optional<std::array<LogLevel, kLogAreaCount>> parse_levels(std::string_view text) {
  std::array<LogLevel, kLogAreaCount> wanted{};
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = levels[i].load();
  while (!text.empty()) {
    const std::string_view item = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    const auto equals = item.find('=');
    if (equals == std::string_view::npos) {
      const auto level = level_named(item);
      if (!level) return std::nullopt;
      wanted.fill(*level);
      continue;
    }
    const auto area = area_named(item.substr(0, equals));
    const auto level = level_named(item.substr(equals + 1));
    if (!area || !level) return std::nullopt;
    wanted[*area] = *level;
  }
  return wanted;
}

}  // namespace

bool configure_log(std::string_view text) {
  const auto wanted = parse_levels(text);
  if (!wanted) return false;
  for (std::size_t i = 0; i < wanted->size(); ++i) levels[i].store((*wanted)[i]);
  return true;
}

bool is_log_setting(std::string_view text) { return parse_levels(text).has_value(); }

bool configure_log_file(std::string_view path) {
  constexpr mode_t kMode = 0666;  // less the umask, as for any file a program makes
  const int opened =
      ::open(std::string(path).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, kMode);
  if (opened < 0) return false;
  file = new UniqueFd(keep_internal_fd(opened, FdUse::Log));
  const time_t now = ::time(nullptr);
  tm local{};
  ::localtime_r(&now, &local);
  east_of_utc_s = local.tm_gmtoff;
  logger() = make_logger(std::make_shared<FileSink>(*file));
  return true;
}

void continue_log_in_copy() {
  if (file == nullptr) {
    for (auto& level : levels) level = LogLevel::Off;
    return;
  }
  // The former one is left as it is, and in whatever state it is.
  static_cast<void>(new std::shared_ptr<spdlog::logger>(std::move(logger())));
  logger() = make_logger(std::make_shared<FileSink>(*file));
  logger()->set_formatter(
      std::make_unique<CopyFormatter>(std::chrono::seconds(east_of_utc_s.load())));
}

bool log_enabled(LogArea area, LogLevel level) {
  return level >= levels[static_cast<std::size_t>(area)].load(std::memory_order_relaxed) &&
         level != LogLevel::Off;
}

void log_text(LogArea area, LogLevel level, std::string_view line) {
  if (!log_enabled(area, level)) return;
  try {
    logger()->log(to_spdlog(level), "{} {}", kAreaNames[static_cast<std::size_t>(area)], line);
  } catch (...) {  // a full disk or a closed standard error must not reach the application
  }
}

void log_formatted(LogArea area, LogLevel level, fmt::string_view format, fmt::format_args args) {
  try {
    std::string line;
    fmt::vformat_to(std::back_inserter(line), format, args);
    log_text(area, level, line);
  } catch (...) {  // as above; a wrong format string is caught by the compiler
  }
}

}  // namespace ztshim
