// Names and addresses asked of a network's resolvers, over the network; /etc/hosts comes first.
// The queries go through our own sockets, which are virtual ones.
#pragma once

#include <string>
#include <vector>

#include "common/rpc_records.h"

namespace ztshim {

struct LookedUp {
  int error = 0;  // EAI_…; 0: found
  std::vector<IpAddress> addresses;
  std::string name;                  // the canonical one
  std::vector<std::string> aliases;  // the others it has
};

// `family`: AF_INET, AF_INET6, AF_UNSPEC for both. Blocks as getaddrinfo(3) does.
LookedUp look_up(const rpc::ResolverRecord& resolver, const std::string& name, int family);
LookedUp look_up(const rpc::ResolverRecord& resolver, const IpAddress& ip);

struct RawAnswer {
  int error = 0;  // EAI_…: no answer came. One that says "no such name" is an answer
  Bytes message;
};
// One question; `message` is the answer as it came.
RawAnswer ask_raw(const rpc::ResolverRecord& resolver, const std::string& name, int dns_class,
                  int type);

}  // namespace ztshim
