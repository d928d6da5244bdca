// Two nodes that talk: the usual load of a scenario, and what became of it.
#pragma once

#include <string>

#include "tests/sim/sim_node.h"

namespace ztshim::sim {

class Conversation {
 public:
  Conversation(SimNetwork& net, SimNode& one, SimNode& other)
      : net_(net), one_(one), other_(other) {}

  // Both speak, `times` times, with this pause after each.
  void talk(int times, Duration pause) {
    for (int i = 0; i < times; ++i) {
      one_.send(other_, "to " + std::to_string(sent_));
      other_.send(one_, "fro " + std::to_string(sent_));
      ++sent_;
      net_.run_for(pause);
    }
  }
  bool is_direct() const {
    return one_.path_to(other_) == Via::Direct && other_.path_to(one_) == Via::Direct;
  }
  // Until both have a direct path; how long that took, or nothing.
  std::optional<Duration> talk_until_direct(Duration limit, Duration pause = Duration{100}) {
    const Time begin = net_.now().time;
    while (net_.now().time - begin < limit) {
      if (is_direct()) return net_.now().time - begin;
      talk(1, pause);
    }
    return is_direct() ? std::optional(net_.now().time - begin) : std::nullopt;
  }
  // Until something new has got through in both directions; how long that took, or nothing.
  std::optional<Duration> talk_until_heard(Duration limit, Duration pause = Duration{250}) {
    const Time begin = net_.now().time;
    const std::size_t at_one = one_.texts_from(other_).size();
    const std::size_t at_other = other_.texts_from(one_).size();
    while (net_.now().time - begin < limit) {
      talk(1, pause);
      if (one_.texts_from(other_).size() > at_one && other_.texts_from(one_).size() > at_other) {
        return net_.now().time - begin;
      }
    }
    return std::nullopt;
  }
  std::size_t sent() const { return sent_; }  // in each direction
  std::size_t lost() const {
    return 2 * sent_ - one_.texts_from(other_).size() - other_.texts_from(one_).size();
  }

 private:
  SimNetwork& net_;
  SimNode& one_;
  SimNode& other_;
  std::size_t sent_ = 0;
};

}  // namespace ztshim::sim
