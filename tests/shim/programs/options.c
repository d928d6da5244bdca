/* getsockopt(2) and setsockopt(2). */
#include "observe.h"
#include "scenarios.h"

static void facts(void) {
  const int fd = stream(0);
  get_number("SO_TYPE", fd, SOL_SOCKET, SO_TYPE);
  get_number("SO_DOMAIN", fd, SOL_SOCKET, SO_DOMAIN);
  get_number("SO_PROTOCOL", fd, SOL_SOCKET, SO_PROTOCOL);
  get_number("SO_ACCEPTCONN", fd, SOL_SOCKET, SO_ACCEPTCONN);
  get_number("SO_ERROR", fd, SOL_SOCKET, SO_ERROR);
  set_number("set SO_TYPE", fd, SOL_SOCKET, SO_TYPE, 1);
  set_number("set SO_ERROR", fd, SOL_SOCKET, SO_ERROR, 1);
  const int six = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
  get_number("six SO_DOMAIN", six, SOL_SOCKET, SO_DOMAIN);
  get_number("six IPV6_V6ONLY", six, IPPROTO_IPV6, IPV6_V6ONLY);
}

struct number {
  const char* name;
  int level, option, value;
};
static const struct number kNumbers[] = {
    {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR, 1},
    {"SO_REUSEPORT", SOL_SOCKET, SO_REUSEPORT, 1},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 7},
    {"SO_BROADCAST", SOL_SOCKET, SO_BROADCAST, 1},
    {"SO_OOBINLINE", SOL_SOCKET, SO_OOBINLINE, 1},
    {"SO_DONTROUTE", SOL_SOCKET, SO_DONTROUTE, 1},
    {"SO_PRIORITY", SOL_SOCKET, SO_PRIORITY, 3},
    {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 5},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK, 1},
    {"TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE, 99},
    {"TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL, 33},
    {"TCP_KEEPCNT", IPPROTO_TCP, TCP_KEEPCNT, 5},
    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT, 12345},
    {"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 3},
    {"IP_TTL", IPPROTO_IP, IP_TTL, 33},
    {"IP_TOS", IPPROTO_IP, IP_TOS, 16},
};

static void numbers(void) {
  const int fd = stream(0);
  for (size_t i = 0; i < sizeof kNumbers / sizeof *kNumbers; ++i) {
    const struct number* const one = &kNumbers[i];
    get_number(one->name, fd, one->level, one->option);
    set_number("  set", fd, one->level, one->option, one->value);
    get_number("  now", fd, one->level, one->option);
  }
}

static void buffers(void) {
  const int fd = stream(0);
  set_number("SO_SNDBUF", fd, SOL_SOCKET, SO_SNDBUF, 10000);
  get_number("SO_SNDBUF", fd, SOL_SOCKET, SO_SNDBUF);
  set_number("SO_RCVBUF", fd, SOL_SOCKET, SO_RCVBUF, 10000);
  get_number("SO_RCVBUF", fd, SOL_SOCKET, SO_RCVBUF);
  set_number("tiny SO_SNDBUF", fd, SOL_SOCKET, SO_SNDBUF, 1);
  get_number("tiny SO_SNDBUF", fd, SOL_SOCKET, SO_SNDBUF);
}

static void structures(void) {
  const int fd = stream(0);
  struct linger linger = {1, 5}, got_linger = {0, 0};
  socklen_t size = sizeof linger;
  say("set SO_LINGER", setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, size));
  say("SO_LINGER", getsockopt(fd, SOL_SOCKET, SO_LINGER, &got_linger, &size));
  say("on", got_linger.l_onoff);
  say("seconds", got_linger.l_linger);
  struct timeval limit = {3, 0}, got = {0, 0};
  size = sizeof limit;
  say("set SO_RCVTIMEO", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, size));
  say("SO_RCVTIMEO", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &size));
  say("seconds", got.tv_sec);
  char congestion[16] = "no-such-thing";
  say("unknown TCP_CONGESTION", setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, 13));
  size = sizeof congestion;
  say("TCP_CONGESTION", getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &size));
}

static void sizes(void) {
  const int fd = stream(0);
  const int on = 1;
  char small[2];
  socklen_t size = sizeof small;
  say("short set", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, 2));
  say("short set", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, 2));
  say("negative set", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, (socklen_t)-1));
  say("null set", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, NULL, sizeof on));
  say("short get", getsockopt(fd, SOL_SOCKET, SO_TYPE, small, &size));
  say("size", size);
  long large[2] = {-1, -1};
  size = sizeof large;
  say("large get", getsockopt(fd, SOL_SOCKET, SO_TYPE, large, &size));
  say("size", size);
  size = (socklen_t)-1;
  say("negative get", getsockopt(fd, SOL_SOCKET, SO_TYPE, small, &size));
  size = sizeof small;
  say("null get", getsockopt(fd, SOL_SOCKET, SO_TYPE, NULL, &size));
  say("null size", getsockopt(fd, SOL_SOCKET, SO_TYPE, small, NULL));
  say("unknown level", getsockopt(fd, 9999, 1, large, &size));
  size = sizeof large;
  say("unknown option", getsockopt(fd, IPPROTO_TCP, 9999, large, &size));
  set_number("set unknown option", fd, IPPROTO_TCP, 9999, 1);
}

static void while_connected(void) {
  struct connected all = connected();
  get_number("SO_ERROR", all.client, SOL_SOCKET, SO_ERROR);
  get_number("SO_ACCEPTCONN", all.client, SOL_SOCKET, SO_ACCEPTCONN);
  set_number("TCP_NODELAY", all.client, IPPROTO_TCP, TCP_NODELAY, 1);
  struct tcp_info info = {0};
  socklen_t size = sizeof info;
  say("TCP_INFO", getsockopt(all.client, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("state", info.tcpi_state);
  const char* const ulp = "no-such-ulp";
  say("TCP_ULP", setsockopt(all.client, IPPROTO_TCP, TCP_ULP, ulp, (socklen_t)strlen(ulp)));
  close_connected(all);
}

const struct scenario option_scenarios[] = {
    {"option-facts", facts},
    {"option-numbers", numbers},
    {"option-buffers", buffers},
    {"option-structures", structures},
    {"option-sizes", sizes},
    {"option-while-connected", while_connected},
    {0},
};
