/* The scenarios by name; each file holds those of one subject and ends with its part of the list.
 */
#pragma once

struct scenario {
  const char* name;
  void (*run)(void);
};

extern const struct scenario connect_scenarios[], accept_scenarios[], end_scenarios[],
    option_scenarios[], process_scenarios[];
