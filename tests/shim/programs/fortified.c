/* Compiled with _FORTIFY_SOURCE: buffers whose size the compiler knows are read into by the _chk
   forms, which end the program when the size asked for is larger. */
#include "datagrams.h"
#include "scenarios.h"

/* The compiler must not know it, or there is nothing to check at run time. */
static volatile size_t asked = 8;

static void reads(void) {
  const int fd = bound_datagram(), from = datagram(0);
  char text[16];
  union place place;
  socklen_t size = sizeof place;
  for (int i = 0; i < 3; ++i) say("send", send_text(from, "hello world", port_of(fd)));
  wait_for(fd, POLLIN);
  say("read", read(fd, text, asked));
  printf("bytes: %.8s\n", text);
  wait_for(fd, POLLIN);
  say("recv", recv(fd, text, asked, 0));
  wait_for(fd, POLLIN);
  say("recvfrom", recvfrom(fd, text, asked, 0, &place.any, &size));
  say_place("from", &place);
  say("recv without waiting", recv(fd, text, asked, MSG_DONTWAIT));
}

static void too_large(int how) {
  const int fd = bound_datagram();
  char text[16];
  asked = 17;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    /* What libc says about it goes to the terminal. */
    close(STDERR_FILENO);
    signal(SIGABRT, SIG_DFL);
    setenv("LIBC_FATAL_STDERR_", "1", 1);
    if (how == 0) read(fd, text, asked);
    if (how == 1) recv(fd, text, asked, MSG_DONTWAIT);
    if (how == 2) recvfrom(fd, text, asked, MSG_DONTWAIT, NULL, NULL);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  asked = 8;
  say("ended by", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static void overflows(void) {
  for (int how = 0; how < 3; ++how) too_large(how);
}

const struct scenario fortified_scenarios[] = {
    {"fortified-reads", reads},
    {"fortified-overflows", overflows},
    {NULL, NULL},
};
