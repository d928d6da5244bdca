"""Rules with tags and capabilities, from both makes' controllers, kept by members of both makes (ZEROTIER_ONE):
one port blocked for one tag, one port open for a capability, one port dropped by whoever receives, and
nothing from addresses that are not the sender's."""
import unittest

from internet import Internet
from members import Scene, why_not
from networks import MixedWorld, at_once

OPEN, TAGGED, GRANTED, INBOUND = 8080, 8081, 8082, 8083
TAG, BLOCKED = 1000, 5
CAPABILITY = 2000
# Characteristics (notes, vl2 7.4): "as its receiver sees it", "the sender's address is certified to be its own".
RECEIVED, OWN_ADDRESS = "8000000000000000", "1000000000000000"


def tcp_to(port):
    return [{"type": "MATCH_IP_PROTOCOL", "ipProtocol": 6},
            {"type": "MATCH_IP_DEST_PORT_RANGE", "start": port, "end": port}]


RULES = [
    {"type": "MATCH_CHARACTERISTICS", "mask": RECEIVED}, {"type": "MATCH_ETHERTYPE", "etherType": 0x0800},
    {"type": "MATCH_CHARACTERISTICS", "mask": OWN_ADDRESS, "not": True}, {"type": "ACTION_DROP"},
    *tcp_to(TAGGED), {"type": "MATCH_TAG_SENDER", "id": TAG, "value": BLOCKED}, {"type": "ACTION_DROP"},
    *tcp_to(GRANTED), {"type": "ACTION_BREAK"},
    *tcp_to(INBOUND), {"type": "MATCH_CHARACTERISTICS", "mask": RECEIVED}, {"type": "ACTION_DROP"},
    {"type": "ACTION_ACCEPT"}]


@unittest.skipIf(why_not(), why_not())
class Rules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        cls.world = MixedWorld(cls.enterClassContext(Scene()), internet)
        cls.world.bring_up()
        cls.networks = cls.world.networks(
            3, routes=[{"target": "SUBNET.0/24", "via": None}],
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.254"}],
            v4AssignMode={"zt": True}, rules=RULES, tags=[{"id": TAG, "default": 0}],
            capabilities=[{"id": CAPABILITY, "default": False,
                           "rules": [*tcp_to(GRANTED), {"type": "ACTION_ACCEPT"}]}])
        cls.world.join(*cls.networks)
        cls.world.serve(OPEN, TAGGED, GRANTED, INBOUND, families=["0.0.0.0"])

    def address(self, net, node):
        return net.address(node, "10.0.0.0/8")

    def on_both(self, work):
        """At once: what changes on one network must not hide what changes on the other (notes, vl2 15.7)."""
        at_once(*(lambda net=net: work(net) for net in self.networks))

    def reaches(self, net, client, server, port):
        self.world.must_fetch(client, self.address(net, server), port)

    def is_kept_from(self, net, client, server, port):
        self.world.must_not_fetch(client, self.address(net, server), port, OPEN)

    def grew(self, net, counter, attempt):
        before = net.counters(self.world.ours)[counter]
        attempt()
        self.assertGreater(net.counters(self.world.ours)[counter], before, f"{counter}, network of {net.made_by}")

    def test_1_without_the_tag_the_port_is_open(self):
        def one(net):
            for client, server in self.world.both_ways():
                self.reaches(net, client, server, OPEN)
                self.reaches(net, client, server, TAGGED)
        self.on_both(one)

    def test_2_what_only_the_receiver_forbids_is_counted_there(self):
        """The genuine sender lets it pass; our node is who drops it before its stack. And the reverse."""
        ours, theirs = self.world.members

        def one(net):
            self.grew(net, "filteredIn", lambda: self.is_kept_from(net, theirs, ours, INBOUND))
            self.is_kept_from(net, ours, theirs, INBOUND)
        self.on_both(one)

    def test_3_the_port_is_closed_for_the_tag(self):
        def one(net):
            for outcast, other in self.world.both_ways():
                net.member(outcast, tags=[[TAG, BLOCKED]])
                net.member(other, tags=[[TAG, 0]])
                self.is_kept_from(net, outcast, other, TAGGED)
                self.reaches(net, other, outcast, TAGGED)
            # The last outcast was a genuine one; ours keeps the rule as well when it is the sender.
            net.member(self.world.ours, tags=[[TAG, BLOCKED]])
            self.is_kept_from(net, self.world.ours, self.world.theirs, TAGGED)
            self.grew(net, "filteredOut", lambda: self.is_kept_from(net, self.world.ours, self.world.theirs, TAGGED))
        self.on_both(one)

    def test_4_the_capability_opens_a_port(self):
        def one(net):
            for holder, other in self.world.both_ways():
                self.is_kept_from(net, holder, other, GRANTED)
                net.member(holder, capabilities=[CAPABILITY])
                self.reaches(net, holder, other, GRANTED)
                self.is_kept_from(net, other, holder, GRANTED)
                net.member(holder, capabilities=[])
                self.is_kept_from(net, holder, other, GRANTED)
        self.on_both(one)

    def test_5_what_bears_an_address_of_nobody_is_counted_as_such(self):
        ours, theirs = self.world.members

        def one(net):
            foreign = self.address(net, theirs).rsplit(".", 1)[0] + ".250"
            theirs.host.ip("addr", "add", f"{foreign}/32", "dev", net.seen_by(theirs)["portDeviceName"])
            self.reaches(net, theirs, ours, OPEN)

            def forge():
                done = theirs.run("curl", "-sS", "--max-time", "3", "--interface", foreign,
                                  f"http://{self.address(net, ours)}:{OPEN}/page")
                self.assertNotEqual(done.returncode, 0)
            self.grew(net, "notOwned", forge)
            self.reaches(net, theirs, ours, OPEN)
        self.on_both(one)


if __name__ == "__main__":
    unittest.main()
