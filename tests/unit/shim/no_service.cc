// The service's half of the door for tests of hooks on descriptors that the test makes itself:
// there is none.
#include "common/service_entry.h"

namespace ztshim {

ServiceStart start_service(const Config&) noexcept {
  return {ServiceStart::Kind::Failed, "none in this test"};
}
bool is_hosting_service() noexcept { return false; }
void vacate_service_fd(int) noexcept {}
bool drain_service(Duration) noexcept { return true; }
HandOver hand_over_service() noexcept { return HandOver::Done; }
void note_fork_of_host() noexcept {}
void note_end_of_first_thread() noexcept {}
bool is_service_copy() noexcept { return false; }
void stop_service() noexcept {}
void forget_service_after_fork() noexcept {}

}  // namespace ztshim
