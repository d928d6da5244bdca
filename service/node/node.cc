#include "service/node/node.h"

#include <algorithm>

#include "common/log.h"

namespace ztshim {

Node::Node(Environment environment, RandomSource& random)
    : random_(random), vl2_(std::make_unique<vl2::Vl2>(random)) {
  vl1_ = std::make_unique<vl1::Vl1>(std::move(environment.vl1), random_, *vl2_);
  if (environment.run_controller) {
    controller_ = std::make_unique<controller::Controller>(random_);
    controller_->attach(*vl1_, *vl2_);
    if (environment.controller_records != nullptr) {
      controller_->set_records(*environment.controller_records);
    }
  }
  vl2_->attach(*vl1_, controller_.get());
  stored_networks_ = std::move(environment.networks);
}

Node::~Node() = default;

void Node::start(Now now, Outbox& out) {
  vl1_->start(now, out);
  for (auto& stored : stored_networks_) {
    vl2_->join(now, stored.id, stored.config, std::move(stored.settings), out);
  }
  stored_networks_.clear();
}

void Node::on_datagram(Now now, const Arrival& arrival, MutableBytes datagram, Outbox& out) {
  vl1_->on_datagram(now, arrival, datagram, out);
}

void Node::on_frame(Now now, NetworkId network, MacAddress destination, MacAddress source,
                    std::uint16_t ether_type, ByteView payload, Outbox& out) {
  vl2_->on_frame(now, network, destination, source, ether_type, payload, out);
}

void Node::on_deadline(Now now, Outbox& out) {
  if (now.time >= vl1_->next_deadline()) vl1_->on_deadline(now, out);
  if (now.time >= vl2_->next_deadline()) vl2_->on_deadline(now, out);
  if (controller_ && now.time >= controller_->next_deadline()) controller_->on_deadline(now, out);
}

Time Node::next_deadline() const {
  const Time first = std::min(vl1_->next_deadline(), vl2_->next_deadline());
  return controller_ ? std::min(first, controller_->next_deadline()) : first;
}

void Node::join(Now now, NetworkId network, Outbox& out, vl2::LocalSettings settings) {
  vl2_->join(now, network, {}, std::move(settings), out);
}

void Node::leave(Now now, NetworkId network, Outbox& out) { vl2_->leave(now, network, out); }

}  // namespace ztshim
