/* TCP over IPv6 and between the families: names, mapped addresses, V6ONLY, dual-stack listeners. */
#include "observe.h"
#include "scenarios.h"

static int only(int fd, int on) {
  return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
}

static int listening(int family, union place place, int v6_only) {
  const int fd = stream_of(family);
  if (family == AF_INET6) only(fd, v6_only);
  say("bind", bind_to(fd, place));
  say("listen", listen(fd, 4));
  return fd;
}

static union place with_port(union place place, int port) {
  place.four.sin_port = htons((uint16_t)port); /* at the same offset in both families */
  return place;
}

static int free_port(void) {
  const int fd = listener(1);
  const int port = port_of(fd);
  close(fd);
  return port;
}

static void names(void) {
  const int from = listener(4);
  const int client = stream(0);
  say_name("fresh", getsockname, client);
  say_name("fresh peer", getpeername, client);
  say("bind", bind_at(client, 0));
  say_name("bound", getsockname, client);
  say("has a port", port_of(client) != 0);
  say("connect", connect_at(client, port_of(from)));
  say_name("client", getsockname, client);
  say_name("client's peer", getpeername, client);
  union place peer;
  memset(&peer, 0xee, sizeof peer);
  socklen_t size = sizeof peer;
  const int server = accept(from, &peer.any, &size);
  say("accept's size", size);
  say_place("accept's peer", &peer);
  say("accept's scope", peer.six.sin6_scope_id);
  say_name("server", getsockname, server);
  say_name("server's peer", getpeername, server);
  say_name("listener", getsockname, from);
  say("write", write(client, "six", 3));
  say_read("read", server);
}

static void short_addresses(void) {
  const int from = listener(4);
  const union place good = here(AF_INET6, port_of(from));
  say("too short", connect(stream(0), &good.any, 23));
  say("without a scope id", connect(stream(0), &good.any, 24));
  say("longer", connect(stream(0), &good.any, sizeof(struct sockaddr_storage)));
  say("tiny", connect(stream(0), &good.any, 1));
  say("family alone", connect(stream(0), &good.any, 2));
  say("bind too short", bind(stream(0), &good.any, 23));
  say("bind tiny", bind(stream(0), &good.any, 1));
  union place mine = here(AF_INET6, 0);
  say("bind without a scope id", bind(stream(0), &mine.any, 24));
  say("bind null", bind(stream(0), NULL, 28));
  say("connect null", connect(stream(0), NULL, 28));
  unsigned char bytes[32];
  memset(bytes, 0xee, sizeof bytes);
  socklen_t size = 8;
  say_ok("accept with little room", accept(from, (struct sockaddr*)bytes, &size));
  say("full size", size);
  say("family", bytes[0]);
  say("left alone", bytes[8] == 0xee);
}

static void families(void) {
  const union place four = here(AF_INET, 9), six = here(AF_INET6, 9);
  union place unspecified = six_at("::", 0);
  say("IPv4 address, connect", connect_to(stream_of(AF_INET6), four));
  say("IPv4 address, bind", bind_to(stream_of(AF_INET6), four));
  say("IPv6 address on IPv4, connect", connect_to(stream_of(AF_INET), six));
  say("IPv6 address on IPv4, bind", bind_to(stream_of(AF_INET), six));
  unspecified.any.sa_family = AF_UNSPEC;
  say("AF_UNSPEC, bind", bind(stream_of(AF_INET6), &unspecified.any, sizeof unspecified.six));
  union place odd = six;
  odd.any.sa_family = 99;
  say("unknown family, connect", connect(stream_of(AF_INET6), &odd.any, sizeof odd.six));
  say("unknown family, bind", bind(stream_of(AF_INET6), &odd.any, sizeof odd.six));
  union place mixed = six;
  mixed.any.sa_family = AF_INET;
  say("IPv4 in 28 bytes, bind", bind(stream_of(AF_INET6), &mixed.any, sizeof mixed.six));
  say("IPv4 in 28 bytes, connect", connect(stream_of(AF_INET6), &mixed.any, sizeof mixed.six));
}

static void bind_errors(void) {
  const int from = listener(4);
  const int port = port_of(from);
  say("in use", bind_at(stream(0), port));
  say("wildcard in use", bind_to(stream(0), six_at("::", port)));
  say("nobody's address", bind_to(stream(0), six_at("2001:db8::1", 0)));
  say("nobody's mapped address", bind_to(stream(0), six_at("::ffff:192.0.2.1", 0)));
  say("multicast", bind_to(stream(0), six_at("ff02::1234", 0)));
  say("link-local without a scope", bind_to(stream(0), six_at("fe80::1", 0)));
  const int fd = stream(0);
  say("bind", bind_at(fd, 0));
  say("second bind", bind_at(fd, 0));
  close(from);
  say("the port of a closed listener", bind_at(stream(0), port));
}

static void connect_errors(void) {
  say("link-local without a scope", connect_to(stream(0), six_at("fe80::1", 9)));
  const int client = stream(0);
  say("refused", connect_at(client, closed_port()));
  say("SO_ERROR", socket_error(client));
  say_name("peer", getpeername, client);
}

static void v6only_option(void) {
  const int fd = stream(0);
  get_number("fresh", fd, IPPROTO_IPV6, IPV6_V6ONLY);
  set_number("set", fd, IPPROTO_IPV6, IPV6_V6ONLY, 2);
  get_number("now", fd, IPPROTO_IPV6, IPV6_V6ONLY);
  set_number("clear", fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  say("bind", bind_at(fd, 0));
  set_number("after bind", fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  get_number("as before", fd, IPPROTO_IPV6, IPV6_V6ONLY);
  char byte = 1;
  say("short", setsockopt(stream(0), IPPROTO_IPV6, IPV6_V6ONLY, &byte, 1));
  set_number("on IPv4", stream_of(AF_INET), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  get_number("on IPv4", stream_of(AF_INET), IPPROTO_IPV6, IPV6_V6ONLY);
}

static void other_options(void) {
  const int fd = stream(0);
  get_number("IPV6_UNICAST_HOPS", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
  set_number("  set", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33);
  get_number("  now", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
  set_number("  default", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1);
  get_number("  now", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
  set_number("  too many", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 256);
  set_number("  negative", fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, -2);
  get_number("IPV6_TCLASS", fd, IPPROTO_IPV6, IPV6_TCLASS);
  set_number("  set", fd, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
  get_number("  now", fd, IPPROTO_IPV6, IPV6_TCLASS);
  set_number("  too large", fd, IPPROTO_IPV6, IPV6_TCLASS, 256);
  set_number("IP_TOS on IPv6", fd, IPPROTO_IP, IP_TOS, 16);
  get_number("IP_TOS on IPv6", fd, IPPROTO_IP, IP_TOS);
  set_number("IP_TTL on IPv6", fd, IPPROTO_IP, IP_TTL, 16);
  get_number("SO_DOMAIN", fd, SOL_SOCKET, SO_DOMAIN);
  get_number("SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
  const int four = stream_of(AF_INET);
  set_number("IPV6_UNICAST_HOPS on IPv4", four, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9);
  set_number("IPV6_TCLASS on IPv4", four, IPPROTO_IPV6, IPV6_TCLASS, 9);
}

static void mapped_client(void) {
  const int from = listening(AF_INET, here(AF_INET, 0), 0);
  const int client = stream(0);
  say("connect", connect_to(client, mapped_here(port_of(from))));
  say_name("client", getsockname, client);
  say_name("client's peer", getpeername, client);
  union place peer;
  socklen_t size = sizeof peer;
  const int server = accept(from, &peer.any, &size);
  say_place("accept's peer", &peer);
  say("write", write(client, "mapped", 6));
  say_read("read", server);
  const int another = stream(0);
  say("only", only(another, 1));
  say("connect of V6ONLY", connect_to(another, mapped_here(port_of(from))));
  const int bound = stream(0);
  say("bind", bind_at(bound, 0));
  say("connect of one bound to IPv6", connect_to(bound, mapped_here(port_of(from))));
  const int bound_mapped = stream(0);
  say("bind mapped", bind_to(bound_mapped, mapped_here(0)));
  say_name("bound mapped", getsockname, bound_mapped);
  say("connect of one bound to mapped", connect_to(bound_mapped, mapped_here(port_of(from))));
  const int wrong = stream(0);
  say("bind mapped", bind_to(wrong, mapped_here(0)));
  say("mapped to IPv6", connect_at(wrong, port_of(listener(1))));
}

static void mapped_listener(void) {
  const int from = listening(AF_INET6, mapped_here(0), 0);
  say_name("listener", getsockname, from);
  const int client = stream_of(AF_INET);
  say("connect", connect_to(client, here(AF_INET, port_of(from))));
  union place peer;
  socklen_t size = sizeof peer;
  const int server = accept(from, &peer.any, &size);
  say("size", size);
  say_place("accept's peer", &peer);
  say_name("server", getsockname, server);
  say_name("server's peer", getpeername, server);
  say("not over IPv6", connect_to(stream(0), here(AF_INET6, port_of(from))));
  const int strict = stream(0);
  only(strict, 1);
  say("V6ONLY bound to mapped", bind_to(strict, mapped_here(0)));
}

static void dual_stack(void) {
  const int from = listening(AF_INET6, six_at("::", 0), 0);
  say_name("listener", getsockname, from);
  const int port = port_of(from);
  const int four = stream_of(AF_INET);
  say("IPv4 client", connect_to(four, here(AF_INET, port)));
  union place peer;
  socklen_t size = sizeof peer;
  const int first = accept(from, &peer.any, &size);
  say_place("its name", &peer);
  say_name("server", getsockname, first);
  const int six = stream(0);
  say("IPv6 client", connect_at(six, port));
  size = sizeof peer;
  const int second = accept(from, &peer.any, &size);
  say_place("its name", &peer);
  say_name("server", getsockname, second);
  say("write", write(four, "four", 4));
  say_read("read", first);
  say("write", write(six, "six", 3));
  say_read("read", second);
  say("IPv4 wildcard on the port", bind_to(stream_of(AF_INET), with_port(here(AF_INET, 0), port)));
}

static void v6only_listener(void) {
  const int from = listening(AF_INET6, six_at("::", 0), 1);
  const int port = port_of(from);
  say("IPv4 client", connect_to(stream_of(AF_INET), here(AF_INET, port)));
  say("mapped client", connect_to(stream(0), mapped_here(port)));
  say("IPv6 client", connect_at(stream(0), port));
  say_ok("accept", accept(from, NULL, NULL));
  union place any;
  memset(&any, 0, sizeof any);
  any.four.sin_family = AF_INET;
  const int four = listening(AF_INET, with_port(any, port), 0);
  const int client = stream_of(AF_INET);
  say("IPv4 client of the other", connect_to(client, here(AF_INET, port)));
  union place peer;
  socklen_t size = sizeof peer;
  say_ok("accept", accept(four, &peer.any, &size));
  say_place("its name", &peer);
  say("IPv6 client", connect_at(stream(0), port));
  say_ok("accept", accept(from, NULL, NULL));
}

/* Who may bind the port of whom, without and with SO_REUSEADDR. */
static void same_port(void) {
  static const struct {
    const char *name, *first, *second;
    int first_only, second_only;
  } kCases[] = {
      {"dual, dual", "::", "::", 0, 0},         {"dual, only", "::", "::", 0, 1},
      {"only, dual", "::", "::", 1, 0},         {"only, only", "::", "::", 1, 1},
      {"dual, IPv4", "::", "0.0.0.0", 0, 0},    {"only, IPv4", "::", "0.0.0.0", 1, 0},
      {"IPv4, dual", "0.0.0.0", "::", 0, 0},    {"IPv4, only", "0.0.0.0", "::", 0, 1},
      {"dual, mapped", "::", "mapped", 0, 0},   {"only, mapped", "::", "mapped", 1, 0},
      {"own, dual", "own", "::", 0, 0},         {"own4, dual", "own4", "::", 0, 0},
      {"own4, only", "own4", "::", 0, 1},       {"own, own4", "own", "own4", 0, 0},
      {"own4, mapped", "own4", "mapped", 0, 0},
  };
  for (size_t i = 0; i < sizeof kCases / sizeof *kCases; ++i) {
    for (int reuse = 0; reuse < 2; ++reuse) {
      const int port = free_port();
      int fds[2];
      int results[2];
      for (int k = 0; k < 2; ++k) {
        const char* const where = k == 0 ? kCases[i].first : kCases[i].second;
        const bool is_four = strcmp(where, "0.0.0.0") == 0 || strcmp(where, "own4") == 0;
        union place place = six_at("::", port);
        if (strcmp(where, "own") == 0) place = here(AF_INET6, port);
        if (strcmp(where, "mapped") == 0) place = mapped_here(port);
        if (is_four) place = here(AF_INET, port);
        if (strcmp(where, "0.0.0.0") == 0) place.four.sin_addr.s_addr = 0;
        fds[k] = stream_of(is_four ? AF_INET : AF_INET6);
        if (reuse) setsockopt(fds[k], SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
        if (!is_four) only(fds[k], k == 0 ? kCases[i].first_only : kCases[i].second_only);
        results[k] = bind_to(fds[k], place);
        if (k == 0) listen(fds[k], 1);
      }
      printf("%s%s: %d, %s\n", kCases[i].name, reuse ? " reusing" : "", results[0],
             results[1] == 0 ? "0" : strerrorname_np(errno));
      close(fds[0]);
      close(fds[1]);
    }
  }
}

static void bound_to_the_wildcard(void) {
  const int four = listening(AF_INET, here(AF_INET, 0), 0);
  const int six = listener(4);
  const int first = stream(0), second = stream(0);
  say("bind", bind_to(first, six_at("::", 0)));
  say("to mapped", connect_to(first, mapped_here(port_of(four))));
  say_name("its name", getsockname, first);
  say("bind", bind_to(second, six_at("::", 0)));
  say("to IPv6", connect_at(second, port_of(six)));
  say_name("its name", getsockname, second);
  const int server = accept(four, NULL, NULL);
  say("write", write(first, "mapped", 6));
  say_read("read", server);
}

static void listen_unbound(void) {
  const int from = stream(0);
  say("listen", listen(from, 4));
  say_name("listener", getsockname, from);
  say("has a port", port_of(from) != 0);
  say("IPv4 client", connect_to(stream_of(AF_INET), here(AF_INET, port_of(from))));
  say_ok("accept", accept(from, NULL, NULL));
}

static void accepted_options(void) {
  const int from = stream(0);
  set_number("IPV6_TCLASS", from, IPPROTO_IPV6, IPV6_TCLASS, 0x20);
  set_number("IPV6_UNICAST_HOPS", from, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 44);
  bind_at(from, 0);
  listen(from, 4);
  connect_at(stream(0), port_of(from));
  const int server = accept(from, NULL, NULL);
  get_number("SO_DOMAIN", server, SOL_SOCKET, SO_DOMAIN);
  get_number("IPV6_V6ONLY", server, IPPROTO_IPV6, IPV6_V6ONLY);
  get_number("IPV6_UNICAST_HOPS", server, IPPROTO_IPV6, IPV6_UNICAST_HOPS);
  get_number("IPV6_TCLASS", server, IPPROTO_IPV6, IPV6_TCLASS);
}

const struct scenario six_scenarios[] = {
    {"six-names", names, ONLY_SIX},
    {"six-short-addresses", short_addresses, ONLY_SIX},
    {"six-families", families, ONLY_SIX},
    {"six-bind-errors", bind_errors, ONLY_SIX},
    {"six-connect-errors", connect_errors, ONLY_SIX},
    {"six-v6only-option", v6only_option, ONLY_SIX},
    {"six-other-options", other_options, ONLY_SIX},
    {"six-mapped-client", mapped_client, ONLY_SIX},
    {"six-mapped-listener", mapped_listener, ONLY_SIX},
    {"six-dual-stack", dual_stack, ONLY_SIX},
    {"six-v6only-listener", v6only_listener, ONLY_SIX},
    {"six-same-port", same_port, ONLY_SIX},
    {"six-bound-to-the-wildcard", bound_to_the_wildcard, ONLY_SIX},
    {"six-listen-unbound", listen_unbound, ONLY_SIX},
    {"six-accepted-options", accepted_options, ONLY_SIX},
    {0},
};
