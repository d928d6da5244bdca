/* Sends on connections that say more than bytes, and data calls on listeners. */
#include "observe.h"
#include "scenarios.h"

static long send_to_place(int fd, const char* text, int flags, union place place) {
  return sendto(fd, text, strlen(text), flags, &place.any, size_of(&place));
}

static void destination_is_ignored(void) {
  const struct connected all = connected();
  say("sendto", send_to_place(all.client, "hello", 0, here(own_family, 9)));
  say_read("it comes", all.server);
  union place odd = here(own_family, 9);
  odd.any.sa_family = 99;
  say("to an unknown family", send_to_place(all.client, "hello", 0, odd));
  say_read("it comes, too", all.server);
  struct iovec part = {"world", 5};
  struct msghdr message = {
      .msg_name = &odd, .msg_namelen = sizeof odd, .msg_iov = &part, .msg_iovlen = 1};
  say("sendmsg", sendmsg(all.client, &message, 0));
  say_read("and this", all.server);
  struct mmsghdr many[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  say("sendmmsg", sendmmsg(all.client, many, 2, 0));
  say("its second length", many[1].msg_len);
  char text[16];
  union place from;
  memset(&from, 0xee, sizeof from);
  socklen_t size = sizeof from;
  say("recvfrom", recvfrom(all.server, text, 10, MSG_WAITALL, &from.any, &size));
  say("names nobody", size);
  close_connected(all);
}

static long send_with(int fd, int level, int type, const void* data, size_t size) {
  char control[64] = {0};
  struct iovec part = {"x", 1};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = CMSG_SPACE(size)};
  struct cmsghdr* const item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = level;
  item->cmsg_type = type;
  item->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(item), data, size);
  return sendmsg(fd, &message, 0);
}

static void control_messages(void) {
  const struct connected all = connected();
  int ends[2];
  pipe(ends);
  say("descriptors", send_with(all.client, SOL_SOCKET, SCM_RIGHTS, &ends[1], sizeof ends[1]));
  say_read("the byte comes", all.server);
  close(ends[1]);
  char byte;
  say("the descriptor went nowhere", read(ends[0], &byte, 1));
  say("unknown", send_with(all.client, SOL_SOCKET, 4711, ends, sizeof ends[0]));
  say("of IP", send_with(all.client, IPPROTO_IP, IP_TTL, &ends[0], sizeof ends[0]));
  say_read("the byte comes", all.server);
  char control[64];
  struct iovec part = {control, 8};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  say("write", write(all.client, "y", 1));
  struct pollfd asked = {all.server, POLLIN, 0};
  poll(&asked, 1, 10000);
  say("recvmsg", recvmsg(all.server, &message, 0));
  say("brings none", (long)message.msg_controllen);
  say("flags", message.msg_flags);
  close_connected(all);
}

static void error_queue(void) {
  const struct connected all = connected();
  char text[8];
  struct iovec part = {text, 8};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  say("write", write(all.client, "hello", 5));
  struct pollfd asked = {all.server, POLLIN, 0};
  poll(&asked, 1, 10000);
  say("recv", recv(all.server, text, 8, MSG_ERRQUEUE));
  say("recvmsg", recvmsg(all.server, &message, MSG_ERRQUEUE));
  say("of a listener", recv(all.listener, text, 8, MSG_ERRQUEUE));
  say_read("the data is still there", all.server);
  close_connected(all);
}

static void zero_copy(void) {
  const struct connected all = connected();
  say("without the option", send(all.client, "hello", 5, MSG_ZEROCOPY));
  say_read("it comes", all.server);
  close_connected(all);
}

static void fast_open(void) {
  const int from = listener(4);
  const union place to = here(own_family, port_of(from));
  const int fd = stream(0);
  say("blocking", send_to_place(fd, "hello", MSG_FASTOPEN, to));
  const int server = accept(from, NULL, NULL);
  say_read("it comes", server);
  say("connected", send_to_place(fd, "hello", MSG_FASTOPEN, to));
  const int waiting = stream(SOCK_NONBLOCK);
  say("without waiting", send_to_place(waiting, "hello", MSG_FASTOPEN, to));
  const int other = accept(from, NULL, NULL);
  wait_poll("then", waiting, POLLOUT);
  say("nothing was sent", recv(other, (char[8]){0}, 8, MSG_DONTWAIT));
  say("write", write(waiting, "now", 3));
  say_read("it comes", other);
  const int lost = stream(0);
  no_sigpipe();
  say("refused", send_to_place(lost, "hello", MSG_FASTOPEN, here(own_family, closed_port())));
  union place none = to;
  none.any.sa_family = AF_UNSPEC;
  say("AF_UNSPEC", send_to_place(stream(0), "hello", MSG_FASTOPEN, none));
  say("no destination", send(stream(0), "hello", 5, MSG_FASTOPEN));
}

static void listeners(void) {
  const int from = listener(4);
  const int client = stream(0);
  say("connect", connect_at(client, port_of(from)));
  struct pollfd asked = {from, POLLIN, 0};
  poll(&asked, 1, 10000);
  char text[64];
  struct iovec part = {text, sizeof text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr many[1] = {{.msg_hdr = message}};
  const int copy = dup(from);
  say("read", read(copy, text, sizeof text));
  say("readv", readv(from, &part, 1));
  say("recv", recv(from, text, sizeof text, 0));
  say("peek", recv(from, text, sizeof text, MSG_PEEK | MSG_DONTWAIT));
  say("recvfrom", recvfrom(copy, text, sizeof text, 0, NULL, NULL));
  say("recvmsg", recvmsg(from, &message, 0));
  say("recvmmsg", recvmmsg(from, many, 1, 0, NULL));
  say("read nothing", read(from, text, 0));
  no_sigpipe();
  say("write", write(from, "x", 1));
  say("send", send(copy, "x", 1, 0));
  say("send without signal", send(from, "x", 1, MSG_NOSIGNAL));
  say("sendto", send_to_place(from, "x", 0, here(own_family, 9)));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    write(from, "x", 1);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  say("killed by", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  const int server = accept(from, NULL, NULL);
  say_ok("the connection is still there", server);
  say("write", write(client, "hello", 5));
  say_read("it comes", server);
}

const struct scenario stream_flag_scenarios[] = {
    {"stream-destination-is-ignored", destination_is_ignored},
    {"stream-control-messages", control_messages},
    {"stream-error-queue", error_queue},
    {"stream-zero-copy", zero_copy},
    {"stream-fast-open", fast_open},
    {"stream-listeners", listeners},
    {NULL, NULL},
};
