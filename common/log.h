// Named loggers with levels from the environment. The lines go to standard error or to a file
// (ZTSHIM_LOG, ZTSHIM_LOG_FILE). Who includes this pays for fmt's core header only.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>

namespace ztshim {

enum class LogLevel : std::uint8_t { Trace, Debug, Info, Warn, Error, Off };
// One per folder that logs; the names users write in ZTSHIM_LOG are in log.cc.
enum class LogArea : std::uint8_t {
  Shim,
  Rpc,
  Vl1,
  Vl2,
  Controller,
  Node,
  Stack,
  Sockets,
  Host,
  Service
};
inline constexpr std::size_t kLogAreaCount = 10;

// "warn", "debug", or "vl1=debug,shim=trace"; false (and nothing changed) when it does not parse.
bool configure_log(std::string_view levels);
// Would configure_log() take it?
bool is_log_setting(std::string_view levels);
// Lines go to this file (appended) instead of standard error; false when it cannot be opened.
bool configure_log_file(std::string_view path);
// In a copy of the process that has one thread of its former many: whoever held the log's lock is
// not here. Goes on in the log file; without one there is no log, standard error being somebody
// else's.
void continue_log_in_copy();
bool log_enabled(LogArea area, LogLevel level);
void log_text(LogArea area, LogLevel level, std::string_view line);
void log_formatted(LogArea area, LogLevel level, fmt::string_view format, fmt::format_args args);

template <typename... Args>
void log(LogArea area, LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(area, level)) log_formatted(area, level, format, fmt::make_format_args(args...));
}

}  // namespace ztshim
