/* The scenarios by name; each file holds those of one subject and ends with its part of the list.
 */
#pragma once

enum families { EITHER = 0, ONLY_FOUR, ONLY_SIX };
struct scenario {
  const char* name;
  void (*run)(void);
  enum families families; /* EITHER is run twice; what is left out below */
};

extern const struct scenario connect_scenarios[], accept_scenarios[], end_scenarios[],
    option_scenarios[], process_scenarios[], six_scenarios[], fresh_scenarios[], reset_scenarios[],
    call_scenarios[], wait_scenarios[], datagram_scenarios[], datagram_call_scenarios[],
    datagram_sharing_scenarios[], datagram_option_scenarios[], stream_flag_scenarios[],
    fortified_scenarios[];
