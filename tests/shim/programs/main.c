/* usage: scenarios ADDRESS ADDRESS6 NAME   runs one and prints what it sees
          scenarios --list                  the names; "@6" is the same over IPv6 */
#include "observe.h"
#include "scenarios.h"

static const struct scenario* const all[] = {connect_scenarios,
                                             accept_scenarios,
                                             end_scenarios,
                                             option_scenarios,
                                             process_scenarios,
                                             six_scenarios,
                                             fresh_scenarios,
                                             reset_scenarios,
                                             call_scenarios,
                                             wait_scenarios,
                                             datagram_scenarios,
                                             datagram_call_scenarios,
                                             datagram_sharing_scenarios,
                                             datagram_option_scenarios,
                                             stream_flag_scenarios,
                                             fortified_scenarios};

int main(int argc, char** argv) {
  const bool lists = argc == 2 && strcmp(argv[1], "--list") == 0;
  if (!lists && argc != 4) {
    fprintf(stderr, "usage: %s ADDRESS ADDRESS6 NAME | --list\n", argv[0]);
    return 64;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  char name[64] = "";
  if (!lists) snprintf(name, sizeof name, "%s", argv[3]);
  char* const suffix = strstr(name, "@6");
  if (suffix != NULL) *suffix = '\0';
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    for (const struct scenario* one = all[i]; one->name != NULL; ++one) {
      if (lists) {
        puts(one->name);
        if (one->families == EITHER) printf("%s@6\n", one->name);
      } else if (strcmp(one->name, name) == 0) {
        own_address = argv[1];
        own_address6 = argv[2];
        if (suffix != NULL || one->families == ONLY_SIX) own_family = AF_INET6;
        one->run();
        return 0;
      }
    }
  }
  return lists ? 0 : 64;
}
