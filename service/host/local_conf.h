// local.conf: what the operator wants of the node, in the format of genuine nodes
// (vl1-behaviour 18; which keys mean what here: docs/local-conf.md). Read and checked as a whole: a
// file with one wrong value changes nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/ip_prefix.h"
#include "common/result.h"
#include "service/host/home_files.h"
#include "service/host/port_plan.h"
#include "service/vl1/settings.h"
#include "service/vl1/tcp_fallback.h"

namespace ztshim::host {

inline constexpr const char* kLocalConf = "local.conf";
// vl1-behaviour 18.
inline constexpr std::size_t kMaxPhysicalNetworks = 32;

struct LocalConf {
  vl1::Settings vl1;                              // "physical", "virtual", lowBandwidthMode
  PhysicalSettings physical;                      // ports, bind, interfaces
  vl1::TcpFallback::Settings tcp_fallback;        // off unless asked for
  std::vector<IpPrefix> allow_management_from;    // who may use the control interface
  std::vector<std::string> meaningless, unknown;  // keys without effect, for the log
};

// The error names the key, what is there, and what is allowed.
Result<LocalConf, std::string> parse_local_conf(ByteView text);
// The home's; the defaults when there is none. The error names the file as well.
Result<LocalConf, std::string> load_local_conf(const HomeFiles& files);

// When to read it again: whenever the file is another one than last time (its time, size or number
// has changed).
class LocalConfWatch {
 public:
  // True when it has changed since the last call; the first call remembers what is there.
  bool has_changed(const HomeFiles& files);

 private:
  struct Mark {
    std::int64_t seconds = 0, nanoseconds = 0, size = -1;
    std::uint64_t number = 0;
    bool operator==(const Mark&) const = default;
  };
  std::optional<Mark> last_;
};

}  // namespace ztshim::host
