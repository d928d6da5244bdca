/* UDP by every call there is: scattered, several at once, through syscall(), with time limits,
   interrupted. */
#include <sys/syscall.h>

#include "datagrams.h"
#include "scenarios.h"

static void forms(void) {
  const struct two both = connected_datagrams();
  char text[16] = "hello world";
  struct iovec parts[] = {{text, 3}, {text + 3, 8}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  struct mmsghdr many[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  say("write", write(both.a, text, 11));
  say("writev", writev(both.a, parts, 2));
  say("pwritev2", pwritev2(both.a, parts, 2, -1, 0));
  say("pwritev2 at an offset", pwritev2(both.a, parts, 2, 7, 0));
  say("pwrite", pwrite(both.a, text, 11, 0));
  say("send", send(both.a, text, 11, 0));
  say("sendto", sendto(both.a, text, 11, 0, NULL, 0));
  say("sendmsg", sendmsg(both.a, &message, 0));
  say("sendmmsg", sendmmsg(both.a, many, 2, 0));
  say("  the second's length", many[1].msg_len);
  memset(text, 0, sizeof text);
  wait_for(both.b, POLLIN);
  say("read", read(both.b, text, 16));
  say_text("  it is", text);
  wait_for(both.b, POLLIN);
  say("readv", readv(both.b, parts, 2));
  wait_for(both.b, POLLIN);
  say("preadv2", preadv2(both.b, parts, 2, -1, 0));
  say("preadv2 at an offset", preadv2(both.b, parts, 2, 7, 0));
  say("pread", pread(both.b, text, 11, 0));
  wait_for(both.b, POLLIN);
  say("recv", recv(both.b, text, 16, 0));
  wait_for(both.b, POLLIN);
  say("recvfrom", recvfrom(both.b, text, 16, 0, NULL, NULL));
  wait_for(both.b, POLLIN);
  say("recvmsg", recvmsg(both.b, &message, 0));
  say("recvmmsg", recvmmsg(both.b, many, 2, 0, NULL));
  say("  the second's length", many[1].msg_len);
  say("nothing is left", recv(both.b, text, 16, MSG_DONTWAIT));
  say("preadv2 without waiting", preadv2(both.b, parts, 2, -1, RWF_NOWAIT));
  close_two(both);
}

static void bad_arguments(void) {
  const struct two both = connected_datagrams();
  char text[8] = "x";
  struct iovec part = {(void*)8, 4};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  say("write from nowhere", write(both.a, (void*)8, 4));
  say("writev from nowhere", writev(both.a, &part, 1));
  say("writev of nowhere", writev(both.a, (struct iovec*)8, 1));
  say("writev of too many", writev(both.a, &part, 1025));
  say("sendmsg from nowhere", sendmsg(both.a, &message, 0));
  message.msg_iovlen = 1025;
  say("sendmsg of too many", sendmsg(both.a, &message, 0));
  say("sendmsg of nowhere", sendmsg(both.a, (struct msghdr*)8, 0));
  say("write", write(both.a, "hello", 5));
  wait_for(both.b, POLLIN);
  say("recvmsg of too many", recvmsg(both.b, &message, 0));
  say("recvmsg of nowhere", recvmsg(both.b, (struct msghdr*)8, 0));
  say("recvmmsg of nothing", recvmmsg(both.b, NULL, 0, 0, NULL));
  say("sendmmsg of nothing", sendmmsg(both.b, NULL, 0, 0));
  say("still there", recv(both.b, text, 8, MSG_DONTWAIT));
  say("a number that is closed", recv(4711, text, 8, 0));
  say("and sent to", send(4711, text, 8, 0));
  say("a file", recv(STDOUT_FILENO, text, 8, 0));
  close_two(both);
}

enum { kReceivers = 8, kMessages = 1024 };

static void many(void) {
  static struct mmsghdr messages[kMessages];
  static struct iovec parts[kMessages];
  static char numbers[kMessages][8];
  union place places[kReceivers];
  int receivers[kReceivers];
  const int from = datagram(0);
  for (int i = 0; i < kReceivers; ++i) {
    receivers[i] = bound_datagram();
    places[i] = here(own_family, port_of(receivers[i]));
  }
  for (int i = 0; i < kMessages; ++i) {
    snprintf(numbers[i], sizeof numbers[i], "%d", i);
    parts[i] = (struct iovec){numbers[i], strlen(numbers[i])};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &places[i % kReceivers],
                                          .msg_namelen = size_of(&places[0]),
                                          .msg_iov = &parts[i],
                                          .msg_iovlen = 1};
  }
  say("one", sendmmsg(from, messages, 1, 0));
  say("the others", sendmmsg(from, messages + 1, kMessages - 1, 0));
  say("the last one's length", messages[kMessages - 1].msg_len);
  for (int i = 0; i < kReceivers; ++i) {
    for (int j = 0; j < kMessages; ++j) {
      parts[j] = (struct iovec){numbers[j], sizeof numbers[j]};
      messages[j] = (struct mmsghdr){.msg_hdr = {.msg_iov = &parts[j], .msg_iovlen = 1}};
    }
    say("received", recvmmsg(receivers[i], messages, kMessages / kReceivers, 0, NULL));
    int in_order = 1;
    for (int j = 0; j < kMessages / kReceivers; ++j) {
      in_order &= atoi(numbers[j]) == i + j * kReceivers;
    }
    say("in order", in_order);
    say("and no more", recvmmsg(receivers[i], messages, kMessages, MSG_DONTWAIT, NULL));
    close(receivers[i]);
  }
}

static void many_and_an_error(void) {
  const int fd = datagram(0), to = bound_datagram();
  union place good = here(own_family, port_of(to)), bad = good;
  bad.four.sin_port = 0;
  struct iovec part = {"x", 1};
  struct mmsghdr messages[3];
  for (int i = 0; i < 3; ++i) {
    messages[i].msg_hdr = (struct msghdr){.msg_name = i == 1 ? &bad : &good,
                                          .msg_namelen = size_of(&good),
                                          .msg_iov = &part,
                                          .msg_iovlen = 1};
  }
  say("a bad second", sendmmsg(fd, messages, 3, 0));
  say("a bad first", sendmmsg(fd, messages + 1, 2, 0));
  struct timespec limit = {0, 0};
  char text[8];
  struct iovec room = {text, 8};
  for (int i = 0; i < 3; ++i)
    messages[i].msg_hdr = (struct msghdr){.msg_iov = &room, .msg_iovlen = 1};
  wait_for(to, POLLIN);
  say("no time", recvmmsg(to, messages, 3, 0, &limit));
  limit.tv_sec = -1;
  say("negative time", recvmmsg(to, messages, 3, 0, &limit));
  limit = (struct timespec){0, 1000000000};
  say("odd time", recvmmsg(to, messages, 3, 0, &limit));
  say("without waiting", recvmmsg(to, messages, 3, MSG_DONTWAIT, NULL));
  say("send", send_text(fd, "y", port_of(to)));
  say("for one", recvmmsg(to, messages, 3, MSG_WAITFORONE, NULL));
}

static void time_limits(void) {
  const struct two both = connected_datagrams();
  const struct timeval limit = {0, 20000};
  char text[8];
  say("SO_RCVTIMEO", setsockopt(both.a, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  say("recv", recv(both.a, text, 8, 0));
  say("read", read(both.a, text, 8));
  struct iovec part = {text, 8};
  struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}},
                                {.msg_hdr = {.msg_iov = &part, .msg_iovlen = 1}}};
  say("write", write(both.b, "x", 1));
  say("recvmmsg", recvmmsg(both.a, messages, 2, 0, NULL));
  say("O_NONBLOCK", fcntl(both.a, F_SETFL, O_NONBLOCK));
  say("recv", recv(both.a, text, 8, 0));
  close_two(both);
}

static int to_wake_up, its_port;
static void send_one(int signal) {
  (void)signal;
  send_text(to_wake_up, "from the handler", its_port);
}
static void do_nothing(int signal) { (void)signal; }

static void alarm_soon(void) {
  const struct itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, NULL);
}

static void interrupted(void) {
  const int fd = bound_datagram();
  char text[32];
  struct sigaction action = {.sa_handler = do_nothing};
  sigaction(SIGALRM, &action, NULL);
  alarm_soon();
  say("recv", recv(fd, text, sizeof text, 0));
  alarm_soon();
  say("read", read(fd, text, sizeof text));
  struct iovec part = {text, sizeof text};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  alarm_soon();
  say("recvmsg", recvmsg(fd, &message, 0));
  alarm_soon();
  say("recvmmsg", recvmmsg(fd, messages, 2, 0, NULL));
  to_wake_up = datagram(0);
  its_port = port_of(fd);
  action = (struct sigaction){.sa_handler = send_one, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  alarm_soon();
  say("recv goes on", recv(fd, text, sizeof text, 0));
  const struct timeval limit = {5, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  alarm_soon();
  say("but not with a time limit", recv(fd, text, sizeof text, 0));
}

struct waiter {
  int fd, how;
};

static void* wait_somehow(void* argument) {
  const struct waiter* const waiter = argument;
  char text[8];
  struct iovec part = {text, 8};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr messages[2] = {{.msg_hdr = message}, {.msg_hdr = message}};
  switch (waiter->how) {
    case 0:
      read(waiter->fd, text, 8);
      break;
    case 1:
      readv(waiter->fd, &part, 1);
      break;
    case 2:
      recv(waiter->fd, text, 8, 0);
      break;
    case 3:
      recvfrom(waiter->fd, text, 8, 0, NULL, NULL);
      break;
    case 4:
      recvmsg(waiter->fd, &message, 0);
      break;
    default:
      recvmmsg(waiter->fd, messages, 2, 0, NULL);
      break;
  }
  return NULL;
}

static void cancelled(void) {
  const char* const names[] = {"read", "readv", "recv", "recvfrom", "recvmsg", "recvmmsg"};
  const int fd = bound_datagram(), from = datagram(0);
  for (int how = 0; how < 6; ++how) {
    struct waiter waiter = {fd, how};
    pthread_t thread;
    pthread_create(&thread, NULL, wait_somehow, &waiter);
    pthread_cancel(thread);
    void* result = NULL;
    pthread_join(thread, &result);
    say(names[how], result == PTHREAD_CANCELED);
  }
  say("send", send_text(from, "x", port_of(fd)));
  say_received("the socket works on", fd, port_of(from));
}

static void by_syscall(void) {
  const int a = (int)syscall(SYS_socket, own_family, SOCK_DGRAM, 0);
  const int b = (int)syscall(SYS_socket, own_family, SOCK_DGRAM, 0);
  union place place = here(own_family, 0);
  say("bind", syscall(SYS_bind, b, &place, size_of(&place)));
  socklen_t size = sizeof place;
  say("getsockname", syscall(SYS_getsockname, b, &place, &size));
  say_place("name", &place);
  say("write", syscall(SYS_write, a, "x", 1));
  say("sendto", syscall(SYS_sendto, a, "hello", 5, 0, &place, size));
  char text[8];
  wait_for(b, POLLIN);
  union place from;
  socklen_t from_size = sizeof from;
  say("recvfrom", syscall(SYS_recvfrom, b, text, 8, 0, &from, &from_size));
  say_place("from", &from);
  say("connect", syscall(SYS_connect, a, &place, size));
  size = sizeof place;
  say("getpeername", syscall(SYS_getpeername, a, &place, &size));
  struct iovec part = {text, 8};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  struct mmsghdr many[1] = {{.msg_hdr = message}};
  say("write", syscall(SYS_write, a, "hello", 5));
  say("writev", syscall(SYS_writev, a, &part, 1));
  say("sendmsg", syscall(SYS_sendmsg, a, &message, 0));
  say("sendmmsg", syscall(SYS_sendmmsg, a, many, 1, 0));
  wait_for(b, POLLIN);
  say("read", syscall(SYS_read, b, text, 5));
  wait_for(b, POLLIN);
  say("readv", syscall(SYS_readv, b, &part, 1));
  wait_for(b, POLLIN);
  say("recvmsg", syscall(SYS_recvmsg, b, &message, 0));
  say("recvmmsg", syscall(SYS_recvmmsg, b, many, 1, 0, NULL));
  int number = -1;
  size = sizeof number;
  say("getsockopt", syscall(SYS_getsockopt, a, SOL_SOCKET, SO_TYPE, &number, &size));
  say("SO_TYPE", number);
  number = 1;
  say("setsockopt", syscall(SYS_setsockopt, a, SOL_SOCKET, SO_BROADCAST, &number, sizeof number));
  say("ioctl", syscall(SYS_ioctl, b, FIONREAD, &number));
  say("FIONREAD", number);
  const int copy = (int)syscall(SYS_dup, b);
  say("fcntl", syscall(SYS_fcntl, copy, F_SETFL, O_NONBLOCK));
  say("read", syscall(SYS_read, copy, text, 8));
  say("shutdown", syscall(SYS_shutdown, b, SHUT_RD));
  say("listen", syscall(SYS_listen, b, 1));
  say("accept", syscall(SYS_accept4, b, NULL, NULL, 0));
  say("close", syscall(SYS_close, copy));
  say("twice", syscall(SYS_close, copy));
  say("a call that is no socket's", syscall(SYS_getpid) == getpid());
  say("and one that does not exist", syscall(100000, 1, 2, 3, 4, 5, 6));
}

static void full(void) {
  const struct two both = connected_datagrams();
  fcntl(both.a, F_SETFL, O_NONBLOCK);
  int lost = 0;
  for (int i = 0; i < 5000; ++i) {
    struct pollfd asked = {both.a, POLLOUT, 0};
    poll(&asked, 1, 10000);
    const ssize_t sent = write(both.a, text_of(1400), 1400);
    if (sent != 1400 && (sent != -1 || errno != EAGAIN)) ++lost;
  }
  say("sends that failed", lost);
  say_poll("the sender", both.a);
  wait_for(both.b, POLLIN);
  static char text[2000];
  int count = 0, wrong = 0;
  ssize_t size;
  while (wait_for(both.b, POLLIN) && (size = recv(both.b, text, sizeof text, MSG_DONTWAIT)) >= 0) {
    ++count;
    if (size != 1400 || !is_text_of(text, 1400)) ++wrong;
    struct pollfd asked = {both.b, POLLIN, 0};
    if (poll(&asked, 1, 200) == 0) break;
  }
  say("some came", count > 0);
  say("not all", count < 5000);
  say("damaged", wrong);
  say("write", write(both.a, "after", 5));
  say_read("goes on", both.b);
}

const struct scenario datagram_call_scenarios[] = {
    {"datagram-forms", forms},
    {"datagram-bad-arguments", bad_arguments},
    {"datagram-many", many},
    {"datagram-many-and-an-error", many_and_an_error},
    {"datagram-time-limits", time_limits},
    {"datagram-interrupted", interrupted},
    {"datagram-cancelled", cancelled},
    {"datagram-by-syscall", by_syscall},
    {"datagram-full", full},
    {NULL, NULL},
};
