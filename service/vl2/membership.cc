// Who is let in: the gate in front of frames, our credentials shown to others, theirs taken from
// whoever brings them. Notes: vl2 5, 6.
#include <algorithm>

#include "common/log.h"
#include "service/vl2/constants.h"
#include "service/vl2/engine.h"
#include "service/wire/messages/error.h"

namespace ztshim::vl2 {

IdentityLookup Vl2::Engine::identities() const {
  return [vl1 = vl1_](Address address) -> const Identity* {
    return address == vl1->address() ? &vl1->identity() : vl1->identity_of(address);
  };
}

bool Vl2::Engine::gate(Now now, Network& network, const Identity& peer, Outbox& out) {
  if (!network.admits(now.time, peer)) return false;
  Member* member = network.find(peer.address());
  if (member != nullptr && now.time - member->last_like >= kLikeEvery) {
    member->last_like = now.time;
    announce_all(now, network, peer.address(), out);
  }
  return true;
}

bool Vl2::Engine::may_complain(Now now, NetworkId network, Address to) {
  return complaint_gate_.enter(vl1::mixed(gate_salt_ ^ to.number() ^ vl1::mixed(network.number())),
                               now.time, kNeedCredentialsEvery);
}

// The sender is told what is missing; if it answers soon, nothing is lost.
bool Vl2::Engine::let_in(Now now, const Incoming& packet, Network& network, Outbox& out) {
  const Address sender = packet.source.address();
  if (network.is_shut_out()) {
    ++network.counters.access_denied;
    return false;
  }
  if (gate(now, network, packet.source, out)) return true;
  ++(network.config() == nullptr  ? network.counters.no_config
     : network.is_revoked(sender) ? network.counters.revoked
                                  : network.counters.no_certificate);
  hold(now, packet, network.id(), Address());
  if (may_complain(now, network.id(), sender)) {
    vl1_->reply_error(now, packet, ErrorCode::NeedMembershipCertificate,
                      write(NetworkError{network.id(), {}}), out);
  }
  return false;
}

void Vl2::Engine::complain(Now now, NetworkId network, Address to, Verb about, PacketId id,
                           Outbox& out) {
  if (!may_complain(now, network, to)) return;
  vl1_->send_error(now, to, about, id, ErrorCode::NeedMembershipCertificate,
                   write(NetworkError{network, {}}), out);
}

// The notes let us go on sending to it; but what an administrator took back is over in both
// directions. Without the question a member that was authorised again, and has nothing to say by
// itself, would stay cut off.
bool Vl2::Engine::is_cut_off(Now now, Network& network, Address to, Outbox& out) {
  if (!network.is_revoked(to)) return false;
  complain(now, network.id(), to, Verb::Frame, PacketId(), out);
  return true;
}

// The first complaint, or the answer to it, may have been lost.
void Vl2::Engine::complain_again(Now now, Outbox& out) {
  held_.expire(now.time);
  next_complaint_ = held_.empty() ? kNever : now.time + kNeedCredentialsEvery;
  for (const HeldPacket& packet : held_.all()) {
    if (!packet.network) {
      vl1_->request_identity(now, packet.signer, out);
      continue;
    }
    complain(now, packet.network, packet.source, packet.verb, packet.id, out);
  }
}

// Of several networks that a peer shares with us, all but one wait for their turn: the next frame
// or complaint tries again. Otherwise the peer would know us as we were until the next renewal.
bool Vl2::Engine::show_credentials(Now now, const Network& network, Address to, Duration spacing,
                                   Outbox& out) {
  if (!shown_gate_.enter(vl1::mixed(gate_salt_ ^ to.number()), now.time, spacing)) return false;
  for (const Bytes& payload : network.credential_packets()) {
    send(now, to, Verb::NetworkCredentials, payload, true, out);
  }
  return true;
}

void Vl2::Engine::push_credentials_if_needed(Now now, Network& network, Address to, Outbox& out) {
  Member* member = network.member(now.time, to);
  if (member == nullptr) return;
  if (member->last_push >= network.last_config() && now.time - member->last_push <= kPushEvery) {
    return;
  }
  if (show_credentials(now, network, to, kPushSpacing, out)) member->last_push = now.time;
}

vl1::Verdict Vl2::Engine::on_need_credentials(Now now, NetworkId id, Address peer, Outbox& out) {
  Network* network = find(id);
  if (network == nullptr || network->config() == nullptr || !network->config()->membership) {
    return Verdict::Done;
  }
  Member* member = network->find(peer);
  if (member == nullptr) {  // anybody may ask, but gets no place in the table for it
    show_credentials(now, *network, peer, kPushOnRequest, out);
  } else if (member->last_push < network->last_config() ||
             now.time - member->last_push > kPushOnRequest) {
    if (show_credentials(now, *network, peer, kPushOnRequest, out)) member->last_push = now.time;
  }
  return Verdict::Done;
}

struct Vl2::Engine::Intake {
  Address sender;                                  // who brought them; reserved: our own controller
  bool exempt = false;                             // from the limit of how often we look
  std::vector<std::pair<NetworkId, bool>> looked;  // is it time to look? One answer per packet
  bool trusted = false;                            // something of a network we are in was accepted
  Address missing;  // an identity without which a signature cannot be checked
  std::vector<std::pair<NetworkId, Address>> admitted;  // whose standing may have changed
  std::vector<std::pair<NetworkId, Revocation>> to_flood;
};

// The limit is there because signatures are expensive. Per network, as senders of the reference do
// not space the packets of several: dropped, they would be missed for a minute (15.7).
bool Vl2::Engine::may_look(Now now, Network& network, Intake& intake) {
  if (intake.exempt) return true;
  for (const auto& [id, is_time] : intake.looked) {
    if (id == network.id()) return is_time;
  }
  const std::uint64_t key =
      vl1::mixed(gate_salt_ ^ intake.sender.number() ^ vl1::mixed(network.id().number()));
  const bool is_time = credentials_gate_.enter(key, now.time, kCredentialsGate);
  if (!is_time) ++network.counters.rate_limited;
  intake.looked.emplace_back(network.id(), is_time);
  return is_time;
}

template <typename Credential>
void Vl2::Engine::take(Now now, const Credential& credential, NetworkId id, Address holder,
                       Intake& intake) {
  Network* network = find(id);
  if (network == nullptr) {
    ++counters_.not_joined;
    return;
  }
  if (!may_look(now, *network, intake)) return;
  // Nobody gets a place in the table before a signature has spoken for it.
  Member* member = network->find(holder);
  CredentialStore fresh;
  CredentialStore& store = member != nullptr ? member->credentials : fresh;
  const Acceptance result = store.accept(credential, network->controller(), identities());
  switch (result) {
    case Acceptance::New:
      if (member == nullptr) {
        member = network->member(now.time, holder);
        if (member == nullptr) return;
        member->credentials = std::move(fresh);
      }
      intake.trusted = intake.trusted || network->config() != nullptr;
      intake.admitted.emplace_back(id, holder);
      if constexpr (std::is_same_v<Credential, Revocation>) {
        if (credential.is_fast()) intake.to_flood.emplace_back(id, credential);
        log(LogArea::Vl2, LogLevel::Info, "net={} peer={} revoked up to {}", id.text(),
            holder.text(), credential.threshold);
        if (holder == own()) {  // the controller will tell us where we stand
          network->next_request = now.time;
          arm(now.time);
        }
      }
      return;
    case Acceptance::Redundant:
      intake.trusted = intake.trusted || network->config() != nullptr;
      return;
    case Acceptance::Rejected:
    case Acceptance::Forged:
      ++(result == Acceptance::Forged ? network->counters.bad_credential
                                      : network->counters.stale_credential);
      log(LogArea::Vl2, LogLevel::Debug, "net={} peer={} credential of {} refused", id.text(),
          intake.sender.text(), holder.text());
      return;
    case Acceptance::SignerUnknown:
      intake.missing = network->controller();
      if constexpr (std::is_same_v<Credential, Capability>) {
        for (const Capability::Link& link : credential.custody) {
          if (identities()(link.from) == nullptr) intake.missing = link.from;
        }
      }
      return;
  }
}

void Vl2::Engine::take_all(Now now, const NetworkCredentials& credentials, Intake& intake) {
  for (const Membership& c : credentials.memberships) {
    take(now, c, c.network(), c.issued_to(), intake);
  }
  for (const Capability& c : credentials.capabilities) {
    take(now, c, c.network, c.issued_to(), intake);
  }
  for (const Tag& c : credentials.tags) take(now, c, c.network, c.issued_to, intake);
  for (const Revocation& c : credentials.revocations) take(now, c, c.network, c.target, intake);
  for (const Ownership& c : credentials.ownerships) take(now, c, c.network, c.issued_to, intake);
}

void Vl2::Engine::after_intake(Now now, const Intake& intake, Outbox& out) {
  for (const auto& [id, revocation] : intake.to_flood) {
    if (Network* network = find(id)) flood(now, *network, revocation, intake.sender, out);
  }
  if (held_.empty()) return;
  for (const auto& [id, member] : intake.admitted) {
    retry(now, held_.take(id, member), out);
  }
}

void Vl2::Engine::flood(Now now, Network& network, const Revocation& revocation, Address except,
                        Outbox& out) {
  NetworkCredentials packet;
  packet.revocations = {revocation};
  Bytes payload;
  Writer writer(payload);
  packet.write(writer);
  for (const auto& [address, member] : network.members()) {
    if (address == except || address == revocation.signed_by || address == own()) continue;
    send(now, address, Verb::NetworkCredentials, payload, false, out);
  }
}

vl1::Verdict Vl2::Engine::on_credentials(Now now, const Incoming& packet, bool is_retry,
                                         Outbox& out) {
  const Address sender = packet.source.address();
  const auto credentials = NetworkCredentials::parse(packet.payload);
  if (!credentials) {
    ++counters_.malformed;
    return Verdict::Done;
  }
  Intake intake;
  intake.sender = sender;
  // Controllers are exempt: a revocation must not be lost because it followed a renewal (15.7).
  intake.exempt =
      is_retry || std::any_of(networks_.begin(), networks_.end(), [&](const auto& entry) {
        return entry.second->controller() == sender;
      });
  take_all(now, *credentials, intake);
  const auto was_refused = [](const auto& look) { return !look.second; };
  if (!intake.looked.empty() &&
      std::all_of(intake.looked.begin(), intake.looked.end(), was_refused)) {
    return Verdict::Ignored;
  }
  if (intake.missing) {
    vl1_->request_identity(now, intake.missing, out);
    if (!is_retry) hold(now, packet, NetworkId(), intake.missing);
  }
  after_intake(now, intake, out);
  return intake.trusted ? Verdict::Trusted : Verdict::Done;
}

void Vl2::Engine::accept_own_credentials(Now now, ByteView payload, Outbox& out) {
  const auto credentials = NetworkCredentials::parse(payload);
  if (!credentials) return;
  Intake intake;
  intake.sender = own();
  intake.exempt = true;
  take_all(now, *credentials, intake);
  after_intake(now, intake, out);
}

// A certificate inside a frame (deprecated).
void Vl2::Engine::accept_inline(Now now, Network& network, const Membership& membership,
                                Outbox& out) {
  if (membership.network() != network.id()) return;
  Intake intake;
  intake.exempt = true;
  take(now, membership, network.id(), membership.issued_to(), intake);
  if (intake.missing) vl1_->request_identity(now, intake.missing, out);
  after_intake(now, intake, out);
}

}  // namespace ztshim::vl2
