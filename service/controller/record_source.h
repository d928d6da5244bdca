// Where a controller's records come from: read when they are needed first, so that ten thousand
// networks cost a listing at the start and a request one network. Implemented by whoever has the
// files. Notes: controller.md 9.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "service/crypto/address.h"
#include "service/wire/network_id.h"

namespace ztshim::controller {

class RecordSource {
 public:
  // Is shown a record's content; returns why it is none. Such a record is set aside, not lost.
  using Take = std::function<std::string(ByteView content)>;
  using TakeMember = std::function<std::string(Address member, ByteView content)>;

  virtual ~RecordSource() = default;
  virtual std::vector<NetworkId> record_networks() const = 0;
  virtual void read_network(NetworkId network, const Take& take) const = 0;
  virtual void read_members(NetworkId network, const TakeMember& take) const = 0;
};

}  // namespace ztshim::controller
