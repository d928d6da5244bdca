/* The other ways in and out of a connection: vectors, files, pipes, stdio, flags of the calls. */
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <threads.h>

#include "observe.h"
#include "scenarios.h"

static void vectors(void) {
  struct connected all = connected();
  char one[4] = "abc", two[] = "defgh", into[3], rest[16] = "";
  struct iovec out[] = {{one, 3}, {NULL, 0}, {two, 5}};
  struct iovec in[] = {{into, sizeof into}, {rest, sizeof rest}};
  say("writev", writev(all.client, out, 3));
  wait_poll("readable", all.server, POLLIN);
  say("readv", readv(all.server, in, 2));
  printf("%.3s %s\n", into, rest);
  struct msghdr message = {.msg_iov = out, .msg_iovlen = 3};
  say("sendmsg", sendmsg(all.client, &message, 0));
  wait_poll("readable", all.server, POLLIN);
  struct sockaddr_storage from;
  message = (struct msghdr){
      .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = in, .msg_iovlen = 2};
  message.msg_flags = 0x5555;
  say("recvmsg", recvmsg(all.server, &message, 0));
  say("name", message.msg_namelen);
  say("flags", message.msg_flags);
  say("control", (long)message.msg_controllen);
  message = (struct msghdr){.msg_iov = out, .msg_iovlen = 0};
  say("nothing", sendmsg(all.client, &message, 0));
  const volatile int too_many = 1025, negative = -1;
  say("too many", writev(all.client, out, too_many));
  say("negative", writev(all.client, out, negative));
  say("wild", writev(all.client, (struct iovec*)-1L, 1));
  say("wild bytes", send(all.client, (char*)-1L, 1, 0));
  say("null message", sendmsg(all.client, NULL, 0));
  say("empty write", write(all.client, "", 0));
  say("empty send", send(all.client, "", 0, 0));
  say_poll("nothing came", all.server);
  close_connected(all);
}

static void addresses_on_a_stream(void) {
  struct connected all = connected();
  struct sockaddr_in elsewhere = {.sin_family = AF_INET, .sin_port = htons(9)};
  elsewhere.sin_addr.s_addr = htonl(0xc0000201);
  say("sendto", sendto(all.client, "to", 2, 0, (struct sockaddr*)&elsewhere, sizeof elsewhere));
  say_read("read", all.server);
  struct sockaddr_storage from;
  memset(&from, 0xee, sizeof from);
  socklen_t size = sizeof from;
  write(all.client, "who", 3);
  wait_poll("readable", all.server, POLLIN);
  char text[8];
  say("recvfrom", recvfrom(all.server, text, sizeof text, 0, (struct sockaddr*)&from, &size));
  say("size", size);
  close_connected(all);
}

static void peeking(void) {
  struct connected all = connected();
  char text[16] = "";
  write(all.client, "0123456789", 10);
  wait_poll("readable", all.server, POLLIN);
  say("peek", recv(all.server, text, 3, MSG_PEEK));
  say("peek again", recv(all.server, text, 16, MSG_PEEK));
  say("peek and wait for all", recv(all.server, text, 10, MSG_PEEK | MSG_WAITALL));
  say("truncated", recv(all.server, NULL, 4, MSG_TRUNC));
  memset(text, 0, sizeof text);
  say("rest", recv(all.server, text, 16, 0));
  say_text("text", text);
  say("nothing", recv(all.server, text, 1, MSG_PEEK | MSG_DONTWAIT));
  say("nothing of nothing", recv(all.server, text, 0, MSG_DONTWAIT));
  shutdown(all.client, SHUT_WR);
  wait_poll("end", all.server, POLLRDHUP);
  say("peek the end", recv(all.server, text, 1, MSG_PEEK));
  say("wait for all", recv(all.server, text, 4, MSG_WAITALL));
  close_connected(all);
}

static void* write_in_two(void* fd) {
  write(*(int*)fd, "half", 4);
  struct pollfd asked = {*(int*)fd, POLLIN, 0};
  poll(&asked, 1, 100); /* so that the halves come apart */
  write(*(int*)fd, "more", 4);
  return NULL;
}

static void waiting_for_all(void) {
  struct connected all = connected();
  char text[16] = "";
  pthread_t thread;
  pthread_create(&thread, NULL, write_in_two, &all.client);
  say("wait for all", recv(all.server, text, 8, MSG_WAITALL));
  say_text("text", text);
  pthread_join(thread, NULL);
  write(all.client, "end", 3);
  shutdown(all.client, SHUT_WR);
  say("cut short by the end", recv(all.server, text, 8, MSG_WAITALL));
  close_connected(all);
}

static void more(void) {
  struct connected all = connected();
  say("MSG_MORE", send(all.client, "a", 1, MSG_MORE));
  say("the rest", send(all.client, "b", 1, 0));
  char text[4] = "";
  say("both", recv(all.server, text, 2, MSG_WAITALL));
  say_text("text", text);
  set_number("TCP_CORK", all.client, IPPROTO_TCP, TCP_CORK, 1);
  say("write", write(all.client, "corked", 6));
  set_number("TCP_CORK", all.client, IPPROTO_TCP, TCP_CORK, 0);
  say_read("read", all.server);
  say("unknown flag", send(all.client, "x", 1, 0x1000000));
  say_read("read", all.server);
  close_connected(all);
}

static int file_with(const char* text) {
  char name[] = "/tmp/ztshim-calls-XXXXXX";
  const int fd = mkstemp(name);
  unlink(name);
  write(fd, text, strlen(text));
  return fd;
}

static void files(void) {
  struct connected all = connected();
  const int fd = file_with("0123456789");
  off_t at = 2;
  say("sendfile", sendfile(all.client, fd, &at, 5));
  say("offset", (long)at);
  say_read("read", all.server);
  lseek(fd, 8, SEEK_SET);
  say("to the end", sendfile(all.client, fd, NULL, 100));
  say_read("read", all.server);
  say("at the end", sendfile(all.client, fd, NULL, 100));
  say("from a socket", sendfile(fd, all.client, NULL, 1));
  no_sigpipe();
  shutdown(all.client, SHUT_WR);
  at = 0;
  say("after the end", sendfile(all.client, fd, &at, 1));
  say("seek", (long)lseek(all.client, 0, SEEK_CUR));
  say("pread", pread(all.client, &at, 1, 0));
  say("ftruncate", ftruncate(all.client, 0));
  say("fsync", fsync(all.client));
  close_connected(all);
}

static void pipes(void) {
  struct connected all = connected();
  int ends[2];
  pipe(ends);
  fcntl(all.server, F_SETFL, O_NONBLOCK);
  write(ends[1], "spliced", 7);
  say("splice in", splice(ends[0], NULL, all.client, NULL, 7, 0));
  wait_poll("readable", all.server, POLLIN);
  say("splice out", splice(all.server, NULL, ends[1], NULL, 64, SPLICE_F_NONBLOCK));
  char text[16] = "";
  say("read", read(ends[0], text, sizeof text));
  say_text("text", text);
  say("nothing", splice(all.server, NULL, ends[1], NULL, 64, SPLICE_F_NONBLOCK));
  say("offset", splice(all.server, &(off_t){0}, ends[1], NULL, 64, 0));
  say("tee", tee(all.server, ends[1], 1, 0));
  shutdown(all.client, SHUT_WR);
  wait_poll("end", all.server, POLLRDHUP);
  say("the end", splice(all.server, NULL, ends[1], NULL, 64, 0));
  close_connected(all);
}

static void streams(void) {
  struct connected all = connected();
  FILE* const out = fdopen(all.client, "w");
  FILE* const in = fdopen(all.server, "r");
  say("fprintf", fprintf(out, "line %d\n", 1));
  say("fputs", fputs("line 2\n", out) >= 0);
  say("fflush", fflush(out));
  char line[32];
  say_text("fgets", fgets(line, sizeof line, in) != NULL ? strtok(line, "\n") : "nothing");
  say_text("fgets", fgets(line, sizeof line, in) != NULL ? strtok(line, "\n") : "nothing");
  say("fseek", fseek(in, 0, SEEK_SET));
  fputs("unflushed\n", out);
  say("fclose", fclose(out));
  say("closed", fcntl(all.client, F_GETFD));
  say_text("fgets", fgets(line, sizeof line, in) != NULL ? strtok(line, "\n") : "nothing");
  say("the end", fgets(line, sizeof line, in) == NULL && feof(in));
  say("fclose", fclose(in));
  close(all.listener);
}

static void both_ways_stdio(void) {
  struct connected all = connected();
  FILE* const both = fdopen(all.client, "r+");
  setvbuf(both, NULL, _IONBF, 0);
  say("fputs", fputs("ask\n", both) >= 0);
  say_read("read", all.server);
  write(all.server, "answer\n", 7);
  char line[32];
  say_text("fgets", fgets(line, sizeof line, both) != NULL ? strtok(line, "\n") : "nothing");
  fclose(both);
  wait_poll("closed", all.server, POLLRDHUP);
  close(all.server);
}

static void descriptors(void) {
  struct connected all = connected();
  say("F_GETFD", fcntl(all.client, F_GETFD));
  say("F_GETFL", fcntl(all.client, F_GETFL));
  say("F_SETFL", fcntl(all.client, F_SETFL, O_NONBLOCK));
  say("F_GETFL", fcntl(all.client, F_GETFL));
  int count = -1;
  say("SIOCATMARK", ioctl(all.client, SIOCATMARK, &count));
  say("unknown ioctl", ioctl(all.client, 0x1234, &count));
  say("TCGETS", isatty(all.client));
  const int copy = fcntl(all.client, F_DUPFD_CLOEXEC, 100);
  say("copy", copy);
  say("its flags", fcntl(copy, F_GETFD));
  close(all.client);
  say("write", write(copy, "copy", 4));
  say_read("read", all.server);
  say("F_SETOWN", fcntl(copy, F_SETOWN, getpid()));
  say("F_GETOWN", fcntl(copy, F_GETOWN) == getpid());
  close(copy);
  say_read("the end", all.server);
  say("twice", close(copy));
}

static int add_one(void* number) {
  struct connected* const all = number;
  char byte = 0;
  if (read(all->server, &byte, 1) != 1) return -1;
  ++byte;
  return write(all->server, &byte, 1) == 1 ? 0 : -1;
}

static void c11_threads(void) {
  struct connected all = connected();
  thrd_t thread;
  say("create", thrd_create(&thread, add_one, &all));
  char byte = 41;
  write(all.client, &byte, 1);
  int result = -1;
  say("join", thrd_join(thread, &result));
  say("result", result);
  say("read", read(all.client, &byte, 1));
  say("byte", byte);
  close_connected(all);
}

static void urgent(void) {
  struct connected all = connected();
  say("nothing urgent", recv(all.client, &(char){0}, 1, MSG_OOB));
  say("send", send(all.client, "u", 1, MSG_OOB));
  say_read("read", all.server);
  close_connected(all);
}

static void io_signals(void) {
  struct connected all = connected();
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGIO);
  sigprocmask(SIG_BLOCK, &set, NULL);
  say("F_SETOWN", fcntl(all.server, F_SETOWN, getpid()));
  say("O_ASYNC", fcntl(all.server, F_SETFL, O_ASYNC | O_NONBLOCK));
  write(all.client, "x", 1);
  const struct timespec limit = {10, 0};
  say("SIGIO", sigtimedwait(&set, NULL, &limit) == SIGIO);
  say_read("read", all.server);
  close_connected(all);
}

static void selecting(void) {
  struct connected all = connected();
  fd_set reading, writing;
  struct timeval limit = {0, 0};
  const int most = (all.client > all.server ? all.client : all.server) + 1;
  FD_ZERO(&reading);
  FD_ZERO(&writing);
  FD_SET(all.server, &reading);
  FD_SET(all.client, &writing);
  say("select", select(most, &reading, &writing, NULL, &limit));
  say("readable", FD_ISSET(all.server, &reading) != 0);
  say("writable", FD_ISSET(all.client, &writing) != 0);
  write(all.client, "x", 1);
  limit.tv_sec = 10;
  FD_SET(all.server, &reading);
  say("select", select(most, &reading, NULL, NULL, &limit));
  say("readable", FD_ISSET(all.server, &reading) != 0);
  close_connected(all);
}

static void epoll_edges(void) {
  struct connected all = connected();
  const int set = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET};
  say("add", epoll_ctl(set, EPOLL_CTL_ADD, all.server, &event));
  say_epoll("idle", set);
  write(all.client, "a", 1);
  wait_poll("readable", all.server, POLLIN);
  say_epoll("edge", set);
  say_epoll("no more", set);
  write(all.client, "b", 1);
  int count = 0;
  while (count < 2) ioctl(all.server, FIONREAD, &count);
  say_epoll("new bytes are an edge", set);
  say_read("read", all.server);
  say_epoll("none", set);
  event.events = EPOLLIN | EPOLLONESHOT;
  write(all.client, "c", 1);
  wait_poll("readable", all.server, POLLIN);
  say("modify", epoll_ctl(set, EPOLL_CTL_MOD, all.server, &event));
  say_epoll("once", set);
  say_epoll("not again", set);
  say("rearm", epoll_ctl(set, EPOLL_CTL_MOD, all.server, &event));
  say_epoll("again", set);
  say("add twice", epoll_ctl(set, EPOLL_CTL_ADD, all.server, &event));
  event.events = EPOLLRDHUP;
  say("modify", epoll_ctl(set, EPOLL_CTL_MOD, all.server, &event));
  shutdown(all.client, SHUT_WR);
  wait_poll("end", all.server, POLLRDHUP);
  say_epoll("end", set);
  shutdown(all.server, SHUT_WR);
  wait_poll("both", all.server, POLLHUP);
  say_epoll("both", set);
  say("delete", epoll_ctl(set, EPOLL_CTL_DEL, all.server, &event));
  say_epoll("none", set);
  close_connected(all);
}

static void names(void) {
  struct connected all = connected();
  struct sockaddr_storage name;
  socklen_t size = 0;
  say("no room", getpeername(all.client, (struct sockaddr*)&name, &size));
  say("size", size == (own_family == AF_INET ? 16 : 28));
  size = 1;
  memset(&name, 0xee, sizeof name);
  say("one byte", getsockname(all.client, (struct sockaddr*)&name, &size));
  say("size", size == (own_family == AF_INET ? 16 : 28));
  say("the next is left alone", ((unsigned char*)&name)[1]);
  size = sizeof name;
  say("negative", getpeername(all.client, (struct sockaddr*)&name, &(socklen_t){(socklen_t)-1}));
  say("null", getpeername(all.client, (struct sockaddr*)&name, NULL));
  say("listener's peer", getpeername(all.listener, (struct sockaddr*)&name, &size));
  size = 0;
  const int client = stream(0);
  connect_at(client, port_of(all.listener));
  say_ok("accept without room", accept(all.listener, (struct sockaddr*)&name, &size));
  say("size", size == (own_family == AF_INET ? 16 : 28));
  size = (socklen_t)-1;
  const int other = stream(0);
  connect_at(other, port_of(all.listener));
  wait_poll("waits", all.listener, POLLIN);
  say("accept with a negative size", accept(all.listener, (struct sockaddr*)&name, &size));
  close_connected(all);
}

const struct scenario call_scenarios[] = {
    {"call-vectors", vectors},
    {"call-addresses-on-a-stream", addresses_on_a_stream},
    {"call-peeking", peeking},
    {"call-waiting-for-all", waiting_for_all},
    {"call-more", more},
    {"call-files", files},
    {"call-pipes", pipes},
    {"call-stdio", streams},
    {"call-stdio-both-ways", both_ways_stdio},
    {"call-descriptors", descriptors},
    {"call-c11-threads", c11_threads},
    {"call-urgent", urgent},
    {"call-io-signals", io_signals},
    {"call-select", selecting},
    {"call-epoll-edges", epoll_edges},
    {"call-names", names},
    {0},
};
