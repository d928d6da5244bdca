#include "service/vl1/path_watch.h"

namespace ztshim::vl1 {

// Who has a direct path does not go through a relay: a peer that does was restarted, or its NAT has
// forgotten us.
void PathWatch::on_relayed(Now now, Peer& peer, Outbox& out) {
  for (PeerPath& entry : peer.paths) {
    if (!entry.is_usable(now.time) || now.time - entry.last_authentic < kDoubtPath) continue;
    entry.doubted = now.time;
    if (now.time - entry.asked >= kAskAgain) ask(now, peer, entry, out);
  }
}

// The peer has other ways to us than the one we would take to it, and uses them: with two
// interfaces the better one may have gone, and the peer knows while we do not.
void PathWatch::on_direct(Now now, Peer& peer, const PeerPath& used, Outbox& out) {
  if (peer.paths.size() < 2) return;
  PeerPath* best = best_path(peer, now.time);
  if (best == nullptr || best->path == used.path) return;
  if (now.time - best->path->last_receive < kDoubtPath) return;
  if (now.time - best->asked >= kAskAgain) ask(now, peer, *best, out);
}

void PathWatch::on_send(Now now, Address to, Outbox& out) {
  Peer* peer = core_.topology.find(to);
  if (peer == nullptr) return;
  PeerPath* entry = best_path(*peer, now.time);
  if (entry == nullptr || entry->is_doubtful(now.time)) watch_relay(now, out);
  if (entry == nullptr || now.time - entry->path->last_receive < kSilentPath) return;
  if (now.time - entry->asked >= kAskAgain) ask(now, *peer, *entry, out);
}

// The relay is about to be used: is it there, and does it know where we are? Others' packets that
// come through it say so as well as its own.
void PathWatch::watch_relay(Now now, Outbox& out) {
  const Peer* root = core_.roots.best(core_.topology, now.time);
  const PeerPath* way = root == nullptr ? nullptr : best_path(*root, now.time);
  if (way == nullptr || now.time - way->path->last_receive < kSilentPath) return;
  keepalive_.question_best_root(now, out);
}

void PathWatch::ask(Now now, Peer& peer, PeerPath& entry, Outbox& out) {
  entry.ask(now.time);
  const PathKey key = entry.path->key;
  greeting_.probe(now, peer, key.socket, key.remote, Greeting::Probe::Light, out);
}

}  // namespace ztshim::vl1
