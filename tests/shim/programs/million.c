/* usage: million ADDRESS SOCKETS CONNECTIONS
   Makes and closes so many sockets, some of them connected to a listener of its own, and prints
   what the process holds before and after: descriptors, and kibibytes of memory. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int die(const char* what) {
  perror(what);
  exit(1);
}

static long descriptors(void) {
  DIR* const list = opendir("/proc/self/fd");
  long count = 0;
  while (readdir(list) != NULL) ++count;
  closedir(list);
  return count;
}

static long memory(void) {
  char line[256];
  long size = -1;
  FILE* const file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file) != NULL) sscanf(line, "VmRSS: %ld", &size);
  fclose(file);
  return size;
}

/* Whoever reads may look at the service meanwhile; a line from there lets us go on. */
static void say_size(const char* when) {
  printf("%s: descriptors=%ld memory=%ld\n", when, descriptors(), memory());
  fflush(stdout);
  getchar();
}

/* A service in this process closes its ends a moment after we close ours. */
static void settle(long wanted) {
  for (int i = 0; i < 1000 && descriptors() > wanted; ++i) usleep(10000);
}

static void connect_once(int listener, const struct sockaddr_in* address) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  if (client < 0) die("socket");
  if (connect(client, (const struct sockaddr*)address, sizeof *address) != 0) die("connect");
  const int server = accept(listener, NULL, NULL);
  if (server < 0) die("accept");
  /* Half of them end by a reset, which leaves nothing behind; TIME_WAIT is bounded. */
  static int number;
  const struct linger at_once = {number++ % 2, 0};
  setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(client);
  close(server);
}

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const long sockets = atol(argv[2]), connections = atol(argv[3]);
  struct sockaddr_in address = {.sin_family = AF_INET};
  inet_pton(AF_INET, argv[1], &address.sin_addr);
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 64) != 0)
    die("listen");
  getsockname(listener, (struct sockaddr*)&address, &size);
  const long most = descriptors();
  /* Everything that is kept on purpose, up to its bound, is there after this. */
  for (long i = 0; i < 20000; ++i) close(socket(AF_INET, SOCK_STREAM, 0));
  for (long i = 0; i < 10000; ++i) connect_once(listener, &address);
  settle(most);
  say_size("before");
  for (long i = 0; i < sockets; ++i) {
    const int fd = socket(i % 2 ? AF_INET : AF_INET6, SOCK_STREAM, 0);
    if (fd < 0) die("socket");
    if (close(fd) != 0) die("close");
  }
  for (long i = 0; i < connections; ++i) connect_once(listener, &address);
  settle(most);
  say_size("after");
  return 0;
}
