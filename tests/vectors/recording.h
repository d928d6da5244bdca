// A file of captures/: who took part, and every packet between them, opened.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "service/wire/compression.h"
#include "service/wire/fragment.h"
#include "service/wire/network_id.h"
#include "service/wire/world.h"
#include "tests/vectors/vl1_case.h"

namespace ztshim::vectors {

// What an OK or ERROR answers; `clear` begins at its verb.
inline PacketId in_re_of(ByteView clear) { return packet_id_of(clear.subspan(2)); }

struct RecordedPacket {
  unsigned number = 0;
  Duration time{0};  // since the first
  Endpoint from, to;
  PacketHeader header;  // as it was on the wire, before it was opened
  Verb verb = Verb::Nop;
  std::vector<Bytes> datagrams;
  Bytes clear;  // from the verb on; empty: four bytes that mean nothing (vl1-behaviour 7.2)

  bool is_packet() const { return !clear.empty(); }
  ByteView payload() const { return ByteView(clear).subspan(1); }
  // OK and ERROR.
  Verb in_re_verb() const { return static_cast<Verb>(clear.at(1)); }
  PacketId in_re() const { return in_re_of(clear); }
};

struct Recording {
  struct Party {
    Identity identity;
    Endpoint endpoint;
  };
  std::map<std::string, Party> parties;  // r, a, b
  std::optional<World> planet;
  NetworkId network;
  std::vector<RecordedPacket> packets;

  explicit Recording(const Json& file) {
    for (const Json& node : file.at("nodes")) {
      parties[node.at("name")] = {identity(node.at("secret_string")),
                                  endpoint(node.at("physical"))};
    }
    planet = World::parse(hex_bytes(file.at("planet"))).value();
    network = NetworkId(std::stoull(file.at("network_id").get<std::string>(), nullptr, 16));
    for (const Json& packet : file.at("packets")) packets.push_back(read(packet));
  }

  std::vector<Identity> identities() const {
    std::vector<Identity> all;
    for (const auto& [name, party] : parties) all.push_back(party.identity);
    return all;
  }
  PacketKeys keys(Address one, Address other) const {
    return PacketKeys(find(one).agree(find(other)).value());
  }
  const Identity& find(Address address) const {
    for (const auto& [name, party] : parties) {
      if (party.identity.address() == address) return party.identity;
    }
    throw std::runtime_error("nobody has this address");
  }

 private:
  static RecordedPacket read(const Json& json) {
    RecordedPacket packet;
    packet.number = json.at("number");
    packet.time = Duration{static_cast<std::int64_t>(json.at("time").get<double>() * 1000)};
    packet.from = endpoint(json.at("from"));
    packet.to = endpoint(json.at("to"));
    for (const Json& datagram : json.at("datagrams")) {
      packet.datagrams.push_back(hex_bytes(datagram));
    }
    if (!json.contains("clear")) return packet;
    packet.clear = hex_bytes(json.at("clear"));
    packet.verb = static_cast<Verb>(packet.clear.at(0) & 0x1f);
    packet.header = PacketHeader::read(packet.datagrams.at(0)).value();
    return packet;
  }
};

// All files of the chosen folder of vectors, or our own when it has none; by name.
inline std::map<std::string, Json> recording_files() {
  std::filesystem::path path = folder() + "/captures";
  if (!std::filesystem::is_directory(path)) path = ZTSHIM_VECTORS_FOLDER "/captures";
  std::map<std::string, Json> all;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    all[entry.path().stem().string()] = Json::parse(in);
  }
  return all;
}

}  // namespace ztshim::vectors
