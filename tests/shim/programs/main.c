/* usage: scenarios ADDRESS NAME     runs one and prints what it sees
          scenarios --list           the names */
#include "observe.h"
#include "scenarios.h"

static const struct scenario* const all[] = {connect_scenarios, accept_scenarios, end_scenarios,
                                             option_scenarios, process_scenarios};

int main(int argc, char** argv) {
  const bool lists = argc == 2 && strcmp(argv[1], "--list") == 0;
  if (!lists && argc != 3) {
    fprintf(stderr, "usage: %s ADDRESS NAME | --list\n", argv[0]);
    return 64;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    for (const struct scenario* one = all[i]; one->name != NULL; ++one) {
      if (lists) {
        puts(one->name);
      } else if (strcmp(one->name, argv[2]) == 0) {
        own_address = argv[1];
        one->run();
        return 0;
      }
    }
  }
  return lists ? 0 : 64;
}
