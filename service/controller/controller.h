// The network controller: keeps networks and their members, decides who may join, assigns
// addresses, signs configurations and credentials. Sans-I/O; records go out as StoredObjects and
// come back as their contents. Notes: controller.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/result.h"
#include "common/time.h"
#include "service/controller/record_source.h"
#include "service/crypto/random.h"
#include "service/vl1/vl1.h"
#include "service/vl2/vl2.h"

namespace ztshim::controller {

class Controller final : public vl2::ConfigAuthority {
 public:
  explicit Controller(RandomSource& random);
  ~Controller() override;
  // Before anything else. `own` is told of configurations for our own node.
  void attach(vl1::Vl1& vl1, vl2::Vl2& own);

  // The records of earlier runs; before anything else. Outlives this object.
  void set_records(const RecordSource& source);

  // ---- administration (controller.md 7, 8); texts are JSON objects, merged at top level.
  Address address() const;  // whose networks these are
  std::vector<NetworkId> networks() const;
  bool has_network(NetworkId network) const;
  // A number nobody uses, never 0, random.
  NetworkId unused_network_id();
  std::optional<std::string> network_json(NetworkId network) const;
  Result<std::string, std::string> change_network(Now now, NetworkId network, std::string_view json,
                                                  Outbox& out);
  bool delete_network(Now now, NetworkId network, Outbox& out);
  std::vector<Address> members(NetworkId network) const;
  struct MemberCount {
    std::size_t all = 0, authorized = 0;
  };
  MemberCount member_count(NetworkId network) const;
  // {"address": revision, …}
  std::string member_revisions_json(NetworkId network) const;
  std::optional<std::string> member_json(NetworkId network, Address member) const;
  Result<std::string, std::string> change_member(Now now, NetworkId network, Address member,
                                                 std::string_view json, Outbox& out);
  bool delete_member(Now now, NetworkId network, Address member, Outbox& out);

  // ---- vl2::ConfigAuthority
  void on_config_request(Now now, const Request& request, Outbox& out) override;
  bool is_authorized(Now now, NetworkId network, Address member) const override;

  // Revocations are sent twice.
  void on_deadline(Now now, Outbox& out);
  Time next_deadline() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ztshim::controller
