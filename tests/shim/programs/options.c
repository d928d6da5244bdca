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
    {"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 1},
    {"SO_TIMESTAMP", SOL_SOCKET, SO_TIMESTAMP, 1},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG, 1000},
    {"TCP_MAXSEG too small", IPPROTO_TCP, TCP_MAXSEG, 1},
    {"TCP_QUICKACK", IPPROTO_TCP, TCP_QUICKACK, 0},
    {"TCP_DEFER_ACCEPT", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0},
    {"TCP_LINGER2", IPPROTO_TCP, TCP_LINGER2, 30},
    {"TCP_WINDOW_CLAMP", IPPROTO_TCP, TCP_WINDOW_CLAMP, 65535},
    {"TCP_FASTOPEN_CONNECT", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1},
    {"TCP_NOTSENT_LOWAT", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 4096},
    {"TCP_THIN_LINEAR_TIMEOUTS", IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1},
    {"TCP_KEEPIDLE too large", IPPROTO_TCP, TCP_KEEPIDLE, 40000},
    {"TCP_KEEPINTVL 0", IPPROTO_TCP, TCP_KEEPINTVL, 0},
    {"TCP_KEEPCNT 0", IPPROTO_TCP, TCP_KEEPCNT, 0},
    {"TCP_SYNCNT too large", IPPROTO_TCP, TCP_SYNCNT, 200},
    {"TCP_USER_TIMEOUT negative", IPPROTO_TCP, TCP_USER_TIMEOUT, -1},
    {"IP_TTL", IPPROTO_IP, IP_TTL, 33},
    {"IP_TTL 0", IPPROTO_IP, IP_TTL, 0},
    {"IP_TTL 256", IPPROTO_IP, IP_TTL, 256},
    {"IP_MTU_DISCOVER", IPPROTO_IP, IP_MTU_DISCOVER, 0},
    {"IP_FREEBIND", IPPROTO_IP, IP_FREEBIND, 1},
    {"IP_BIND_ADDRESS_NO_PORT", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1},
    {"IP_RECVTOS", IPPROTO_IP, IP_RECVTOS, 1},
    {"IP_PKTINFO", IPPROTO_IP, IP_PKTINFO, 1},
    {"IP_RECVTTL", IPPROTO_IP, IP_RECVTTL, 1},
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

static void error_queue(void) {
  const int fd = stream(0);
  set_number("IP_RECVERR", fd, IPPROTO_IP, IP_RECVERR, 1);
  char byte;
  say("MSG_ERRQUEUE", recv(fd, &byte, 1, MSG_ERRQUEUE));
}

/* What can be said of any connection, whoever carries it. */
static void info_fields(void) {
  struct connected all = connected();
  struct tcp_info info;
  memset(&info, 0, sizeof info);
  socklen_t size = sizeof info;
  write(all.client, "seen", 4);
  wait_poll("arrived", all.server, POLLIN);
  int left = 1;
  while (left > 0) ioctl(all.client, SIOCOUTQ, &left);
  say("TCP_INFO", getsockopt(all.client, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("size", size >= 104);
  say("state", info.tcpi_state);
  say("congestion state", info.tcpi_ca_state);
  say("retransmits", info.tcpi_retransmits);
  say("probes", info.tcpi_probes);
  say("backoff", info.tcpi_backoff);
  say("scales windows", (info.tcpi_options & TCPI_OPT_WSCALE) != 0);
  say("rto", info.tcpi_rto >= 100000 && info.tcpi_rto <= 3000000);
  say("send mss", info.tcpi_snd_mss >= 500);
  say("receive mss", info.tcpi_rcv_mss > 0);
  say("advertised mss", info.tcpi_advmss >= 500);
  say("unacknowledged", info.tcpi_unacked);
  say("lost", info.tcpi_lost);
  say("retransmitted", info.tcpi_retrans);
  say("congestion window", info.tcpi_snd_cwnd >= 2);
  say("receive space", info.tcpi_rcv_space > 0);
  say("reordering", info.tcpi_reordering);
  say("pmtu", info.tcpi_pmtu >= 1280);
  say("total retransmitted", info.tcpi_total_retrans);
  size = 8;
  say("short", getsockopt(all.client, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("size", size);
  shutdown(all.client, SHUT_WR);
  wait_poll("end", all.server, POLLRDHUP);
  size = sizeof info;
  getsockopt(all.server, IPPROTO_TCP, TCP_INFO, &info, &size);
  say("state with the peer's end", info.tcpi_state);
  int rounds = 0;
  do {
    poll(NULL, 0, 1); /* the acknowledgement may be a delayed one */
    size = sizeof info;
    getsockopt(all.client, IPPROTO_TCP, TCP_INFO, &info, &size);
  } while (info.tcpi_state != 5 && ++rounds < 5000);
  say("state after ours", info.tcpi_state);
  getsockopt(all.listener, IPPROTO_TCP, TCP_INFO, &info, &size);
  say("listener's state", info.tcpi_state);
  close_connected(all);
}

static void on_connections(void) {
  struct connected all = connected();
  set_number("SO_LINGER short", all.client, SOL_SOCKET, SO_LINGER, 1);
  set_number("TCP_MAXSEG", all.client, IPPROTO_TCP, TCP_MAXSEG, 600);
  set_number("TCP_DEFER_ACCEPT", all.client, IPPROTO_TCP, TCP_DEFER_ACCEPT, 3);
  set_number("TCP_QUICKACK", all.client, IPPROTO_TCP, TCP_QUICKACK, 1);
  set_number("TCP_FASTOPEN", all.client, IPPROTO_TCP, TCP_FASTOPEN, 5);
  set_number("TCP_FASTOPEN of the listener", all.listener, IPPROTO_TCP, TCP_FASTOPEN, 5);
  get_number("TCP_FASTOPEN of the listener", all.listener, IPPROTO_TCP, TCP_FASTOPEN);
  set_number("TCP_SYNCNT", all.client, IPPROTO_TCP, TCP_SYNCNT, 2);
  set_number("SO_REUSEADDR", all.client, SOL_SOCKET, SO_REUSEADDR, 1);
  set_number("SO_SNDBUF", all.client, SOL_SOCKET, SO_SNDBUF, 50000);
  get_number("SO_SNDBUF", all.client, SOL_SOCKET, SO_SNDBUF);
  set_number("SO_RCVBUF", all.server, SOL_SOCKET, SO_RCVBUF, 50000);
  get_number("SO_RCVBUF", all.server, SOL_SOCKET, SO_RCVBUF);
  get_number("SO_PEEK_OFF", all.client, SOL_SOCKET, SO_PEEK_OFF);
  set_number("SO_RCVLOWAT", all.server, SOL_SOCKET, SO_RCVLOWAT, 4);
  write(all.client, "1234", 4);
  wait_poll("low water", all.server, POLLIN);
  say_read("read", all.server);
  close_connected(all);
}

const struct scenario option_scenarios[] = {
    {"option-facts", facts},
    {"option-numbers", numbers},
    {"option-buffers", buffers},
    {"option-structures", structures},
    {"option-sizes", sizes},
    {"option-while-connected", while_connected},
    {"option-error-queue", error_queue, ONLY_FOUR},
    {"option-tcp-info", info_fields},
    {"option-on-connections", on_connections},
    {0},
};
