/* Descriptors that are copied, inherited and passed on; signals; threads that are cancelled. */
#include "observe.h"
#include "scenarios.h"

static void copies(void) {
  struct connected all = connected();
  const int port = port_of(all.client);
  const int copy = dup(all.client);
  const int moved = dup2(all.client, 50);
  const int high = fcntl(all.client, F_DUPFD, 60);
  close(all.client);
  say("dup", port_of(copy) == port);
  say("dup2", port_of(moved) == port);
  say("F_DUPFD", port_of(high) == port);
  close(copy);
  close(moved);
  write(high, "copy", 4);
  say_read("read", all.server);
  close(high);
  say_read("end", all.server);
}

static void inherited(void) {
  struct connected all = connected();
  if (fork() == 0) {
    close(all.server);
    write(all.client, "child", 5);
    _exit(port_of(all.client) != 0 ? 0 : 1);
  }
  close(all.client);
  int status = -1;
  wait(&status);
  say("child", status);
  say_read("read", all.server);
  say_read("end", all.server);
}

static void child_connects(void) {
  const int from = listener(4);
  const int port = port_of(from);
  if (fork() == 0) {
    const int client = stream(0);
    if (connect_at(client, port) != 0) _exit(errno);
    write(client, "hello", 5);
    _exit(0);
  }
  const int server = accept(from, NULL, NULL);
  say_read("read", server);
  say_read("end", server);
  int status = -1;
  wait(&status);
  say("child", status);
}

static void passed(void) {
  struct connected all = connected();
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  char byte = 'f';
  struct iovec part = {&byte, 1};
  union {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
  } control = {0};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  struct cmsghdr* const item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(item), &all.client, sizeof(int));
  say("send", sendmsg(pair[0], &message, 0));
  const int port = port_of(all.client);
  close(all.client);
  message.msg_controllen = sizeof control.bytes;
  say("receive", recvmsg(pair[1], &message, 0));
  int got = -1;
  memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
  say("same socket", port_of(got) == port);
  write(got, "passed", 6);
  say_read("read", all.server);
}

static volatile sig_atomic_t alarms;
static void alarm_handler(int number) {
  (void)number;
  ++alarms;
}

static void alarm_with(int flags) {
  struct sigaction action = {0};
  action.sa_handler = alarm_handler;
  action.sa_flags = flags;
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, NULL);
}

static void interrupted_accept(void) {
  const int from = listener(4);
  alarm_with(0);
  say("accept", accept(from, NULL, NULL));
}

static void* connect_later(void* from) {
  while (alarms == 0) sched_yield();
  connect_at(stream(0), port_of(*(int*)from));
  return NULL;
}

static void restarted_accept(void) {
  int from = listener(4);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  pthread_t thread;
  pthread_create(&thread, NULL, connect_later, &from);
  pthread_sigmask(SIG_UNBLOCK, &set, NULL);
  alarm_with(SA_RESTART);
  say_ok("accept", accept(from, NULL, NULL));
  pthread_join(thread, NULL);
}

static void time_limits(void) {
  const int from = listener(4);
  const struct timeval soon = {0, 50000};
  setsockopt(from, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  say("accept", accept(from, NULL, NULL));
}

static void* accept_until_cancelled(void* from) {
  accept(*(int*)from, NULL, NULL);
  return NULL;
}

static void cancelled(void) {
  int from = listener(4);
  pthread_t thread;
  pthread_create(&thread, NULL, accept_until_cancelled, &from);
  say("cancel", pthread_cancel(thread));
  void* result = NULL;
  pthread_join(thread, &result);
  say("cancelled", result == PTHREAD_CANCELED);
  const int client = stream(0);
  say("connect", connect_at(client, port_of(from)));
  say_ok("accept", accept(from, NULL, NULL));
}

static void errno_is_kept(void) {
  const int from = listener(4);
  errno = 4711;
  const int client = stream(SOCK_CLOEXEC);
  connect_at(client, port_of(from));
  socket_error(client);
  port_of(client);
  close(client);
  say("errno", errno);
}

static void lowest_number(void) {
  const int probe = dup(0);
  close(probe);
  const int a = stream(0), b = stream(0);
  say("first", a - probe);
  say("second", b - probe);
  close(a);
  say("reused", stream(0) - probe);
}

const struct scenario process_scenarios[] = {
    {"process-copies", copies},
    {"process-inherited", inherited},
    {"process-child-connects", child_connects},
    {"process-passed", passed},
    {"process-interrupted-accept", interrupted_accept},
    {"process-restarted-accept", restarted_accept},
    {"process-time-limits", time_limits},
    {"process-cancelled", cancelled},
    {"process-errno-is-kept", errno_is_kept},
    {"process-lowest-number", lowest_number},
    {0},
};
