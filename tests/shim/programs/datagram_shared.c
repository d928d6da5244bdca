/* Datagram sockets that several numbers, threads, processes and programs hold, and stdio on them.
 */
#include <sys/pidfd.h>
#include <sys/syscall.h>

#include "datagrams.h"
#include "scenarios.h"

static int send_fd(int through, int fd) {
  char control[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec part = {"x", 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  struct cmsghdr* const item = CMSG_FIRSTHDR(&message);
  item->cmsg_level = SOL_SOCKET;
  item->cmsg_type = SCM_RIGHTS;
  item->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(item), &fd, sizeof fd);
  return (int)sendmsg(through, &message, 0);
}

static int receive_fd(int through) {
  char control[CMSG_SPACE(sizeof(int))], byte;
  struct iovec part = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(through, &message, 0) != 1) return -1;
  int fd = -1;
  memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

static void finish(const char* what, pid_t child) {
  int status = -1;
  waitpid(child, &status, 0);
  say(what, status);
}

static void duplicates(void) {
  const int fd = bound_datagram(), from = datagram(0);
  const int port = port_of(fd);
  const int numbers[] = {dup(fd), fcntl(fd, F_DUPFD, 100), fcntl(fd, F_DUPFD_CLOEXEC, 100),
                         dup2(fd, 200), dup3(fd, 201, O_CLOEXEC)};
  for (int i = 0; i < 5; ++i) {
    say("send", send_text(from, "hello", port));
    say_received("received", numbers[i], port_of(from));
  }
  say("connect one", connect_at(numbers[0], port_of(from)));
  say_name("another's peer", getpeername, numbers[4]);
  say("bind the other", port_of(from) != 0);
  say("write through a third", write(numbers[2], "x", 1));
  say_received("received", from, port);
  for (int i = 0; i < 5; ++i) close(numbers[i]);
  say("still open", send_text(from, "hello", port));
  say_received("received", fd, port_of(from));
  say("a file takes the number", dup2(STDOUT_FILENO, fd) == fd);
  printf("and can be written\n");
  say("as ever", write(fd, "", 0));
}

static void forked(void) {
  const int fd = bound_datagram(), from = bound_datagram();
  say("send", send_text(from, "to the child", port_of(fd)));
  const pid_t child = fork();
  if (child == 0) {
    say_received("the child", fd, port_of(from));
    say("it answers", send_text(fd, "from the child", port_of(from)));
    say("it connects", connect_at(fd, port_of(from)));
    _exit(0);
  }
  finish("the child's status", child);
  say_received("the parent", from, port_of(fd));
  say_name("the child's peer", getpeername, fd);
  say("write", write(fd, "from the parent", 15));
  say_received("received", from, port_of(fd));
}

static void made_in_a_child(void) {
  const int from = datagram(0);
  int ends[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  const pid_t child = fork();
  if (child == 0) {
    say("the child sends it", send_fd(ends[1], bound_datagram()));
    _exit(0);
  }
  const int fd = receive_fd(ends[0]);
  finish("the child's status", child);
  say_name("name", getsockname, fd);
  say("send", send_text(from, "hello", port_of(fd)));
  say_received("received", fd, port_of(from));
  say("connect", connect_at(fd, port_of(from)));
  say("write", write(fd, "answer", 6));
  say_received("answered", from, port_of(fd));
}

static void passed(void) {
  int ends[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, ends);
  const int from = bound_datagram();
  const pid_t child = fork();
  if (child == 0) {
    const int fd = receive_fd(ends[1]);
    say_received("the child", fd, port_of(from));
    say("it answers", send_text(fd, "answer", port_of(from)));
    const struct timeval limit = {0, 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    char byte;
    say("and waits for more", read(fd, &byte, 1));
    _exit(0);
  }
  const int fd = bound_datagram();
  const int port = port_of(fd);
  say("send", send_text(from, "hello", port));
  const int sent = send_fd(ends[0], fd);
  close(fd);
  finish("the child's status", child); /* the lines stay in order */
  say("passed on", sent);
  say_received("answered", from, port);
  say("then the port is free", bind_at(datagram(0), port));
}

static void executed(void) {
  const int fd = bound_datagram(), from = datagram(0);
  int ends[2];
  pipe(ends);
  say("send", send_text(from, "hello", port_of(fd)));
  wait_for(fd, POLLIN);
  const pid_t child = fork();
  if (child == 0) {
    dup2(fd, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    execlp("dd", "dd", "bs=100", "count=1", "status=none", NULL);
    _exit(127);
  }
  finish("the program's status", child);
  say_read("it has read", ends[0]);
}

static void written_by_a_program(void) {
  const struct two both = connected_datagrams();
  const pid_t child = fork();
  if (child == 0) {
    dup2(both.a, STDOUT_FILENO);
    execlp("echo", "echo", "hello", NULL);
    _exit(127);
  }
  finish("the program's status", child);
  say_read("it has written", both.b);
}

static void standard_io(void) {
  const struct two both = connected_datagrams();
  FILE* const out = fdopen(both.a, "w");
  FILE* const in = fdopen(both.b, "r");
  char line[32] = "";
  say("fputs", fputs("hello\n", out) >= 0);
  say("fflush", fflush(out));
  wait_for(both.b, POLLIN);
  say("fgets", fgets(line, sizeof line, in) == line);
  printf("line: %s", line);
  say("fprintf", fprintf(out, "number %d\n", 4711));
  say("fflush", fflush(out));
  wait_for(both.b, POLLIN);
  say("fgets", fgets(line, sizeof line, in) == line);
  printf("line: %s", line);
  say("dprintf", dprintf(both.a, "direct\n"));
  wait_for(both.b, POLLIN);
  say("fgets", fgets(line, sizeof line, in) == line);
  printf("line: %s", line);
  say("fclose", fclose(out));
  say("fclose", fclose(in));
}

static void* echo_some(void* argument) {
  const int fd = *(int*)argument;
  char text[64];
  for (int i = 0; i < 50; ++i) {
    union place from;
    socklen_t size = sizeof from;
    const ssize_t got = recvfrom(fd, text, sizeof text, 0, &from.any, &size);
    if (got < 0 || sendto(fd, text, (size_t)got, 0, &from.any, size) != got) return (void*)1;
  }
  return NULL;
}

static void threads_share(void) {
  int fd = bound_datagram();
  pthread_t threads[4];
  for (int i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, echo_some, &fd);
  const int client = datagram(0);
  int right = 0;
  for (int i = 0; i < 200; ++i) {
    char text[16], answer[16];
    snprintf(text, sizeof text, "%d", i);
    send_text(client, text, port_of(fd));
    if (!wait_for(client, POLLIN)) break;
    const ssize_t got = recv(client, answer, sizeof answer, 0);
    if (got == (ssize_t)strlen(text) && memcmp(text, answer, (size_t)got) == 0) ++right;
  }
  say("echoes", right);
  for (int i = 0; i < 4; ++i) {
    void* result = (void*)7;
    pthread_join(threads[i], &result);
    say("thread", (long)result);
  }
}

static void vforked(void) {
  const int fd = bound_datagram(), from = datagram(0);
  const pid_t child = vfork();
  if (child == 0) {
    close(fd);
    dup2(from, 100);
    _exit(0);
  }
  finish("the child's status", child);
  say("send", send_text(from, "hello", port_of(fd)));
  say_received("received", fd, port_of(from));
}

static void taken(void) {
  const int fd = bound_datagram(), from = datagram(0);
  const int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  const int copy = pidfd_getfd(self, fd, 0);
  say_ok("pidfd_getfd", copy);
  say("send", send_text(from, "hello", port_of(fd)));
  say_received("received", copy, port_of(from));
}

const struct scenario datagram_sharing_scenarios[] = {
    {"datagram-duplicates", duplicates},
    {"datagram-forked", forked},
    {"datagram-made-in-a-child", made_in_a_child},
    {"datagram-passed", passed},
    {"datagram-executed", executed},
    {"datagram-written-by-a-program", written_by_a_program},
    {"datagram-standard-io", standard_io},
    {"datagram-threads-share", threads_share},
    {"datagram-vforked", vforked},
    {"datagram-taken", taken},
    {NULL, NULL},
};
