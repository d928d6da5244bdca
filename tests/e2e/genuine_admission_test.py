"""Private networks of both makes' controllers with members of both makes (ZEROTIER_ONE): who is admitted,
what happens to traffic when somebody is turned out, and what our node tells about it."""
import time
import unittest

from harness import have, wait_until
from internet import Internet
from members import Scene, why_not
from networks import MixedWorld, administer, at_once, rest

STOPS = 5.0  # seconds after which traffic of somebody turned out has to have stopped
QUIET = 2.0  # without a byte for so long: stopped


class Stream:
    """One TCP connection on which an unmodified server feeds an unmodified client until the end."""

    def __init__(self, client, server, address, port):
        self.name = f"{server.name} feeds {client.name} at port {port}"
        self.client = client
        feed = f"while printf '%060d\\n' 0; do sleep 0.1; done | {have('nc')} -l {port}"
        self.server = server.start("sh", "-c", feed)
        self.received = 0
        self.last = time.monotonic()
        self.program = None
        self.address, self.port = address, port

    def begin(self):
        """Connects, again and again until the server listens and the network carries it."""
        def connected():
            if self.program is None or not self.program.is_running():
                self.program = self.client.start(have("nc"), self.address, self.port)
            return self.grows()
        wait_until(connected, f"{self.name}: the first byte")
        return self

    def grows(self):
        size = self.program.log.stat().st_size
        is_more = size > self.received
        if is_more:
            self.received, self.last = size, time.monotonic()
        return is_more

    def goes_on(self):
        self.grows()
        wait_until(self.grows, f"{self.name}: goes on", 20)

    def stops_after(self, event):
        """Runs the event; the seconds from its beginning to the last byte that arrived."""
        begin = time.monotonic()
        event()

        def is_quiet():
            return not self.grows() and time.monotonic() - self.last > QUIET
        wait_until(is_quiet, f"{self.name}: stops")
        return self.last - begin


@unittest.skipIf(why_not(), why_not())
class Admission(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        cls.world = MixedWorld(cls.enterClassContext(Scene()), internet)
        cls.world.bring_up()
        cls.networks = cls.world.networks(
            2, private=True, routes=[{"target": "SUBNET.0/24", "via": None}],
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.254"}],
            v4AssignMode={"zt": True})

    def address(self, net, node):
        return net.address(node, "10.0.0.0/8")

    def on_both(self, work):
        at_once(*(lambda net=net: work(net) for net in self.networks))

    def talk(self, net):
        for client, server in self.world.both_ways():
            self.world.must_fetch(client, self.address(net, server))

    def test_1_nobody_is_admitted_unasked(self):
        world = self.world
        world.join(*self.networks)

        def refused(net):
            for node in world.members:
                wait_until(lambda: net.seen_by(node).get("status") == "ACCESS_DENIED",
                           f"{node.name} is refused by the controller of {net.made_by}")
                self.assertEqual(net.addresses(node), [])
                self.assertFalse(net.member(node)["authorized"])
            # The reason says where whom to authorize.
            reason = net.seen_by(world.ours)["reason"]
            self.assertIn(world.ours.id, reason)
            self.assertIn(net.controller.id, reason)
        self.on_both(refused)

    def test_2_the_authorized_talk_both_ways(self):
        def admit(net):
            for node in self.world.members:
                if net.made_by == "ours":
                    administer(net.controller, "member", "authorize", net.id, node.id)
                else:
                    net.member(node, authorized=True)
                self.address(net, node)
        self.on_both(admit)
        self.world.serve(8080, families=["0.0.0.0"])
        self.on_both(self.talk)

    def turn_out(self, net, outcast, port):
        """Both directions of traffic stop within STOPS, and return with the authorization."""
        ours, theirs = self.world.members
        port += self.networks.index(net)
        streams = [Stream(ours, theirs, self.address(net, theirs), port).begin(),
                   Stream(theirs, ours, self.address(net, ours), port).begin()]
        at_once(*(stream.goes_on for stream in streams))  # before either is cut
        stopped = at_once(*(lambda s=s: s.stops_after(
            (lambda: net.member(outcast, authorized=False)) if s is streams[0] else lambda: None)
            for s in streams))
        for stream in streams:
            stream.program.stop()
            stream.server.stop()
        self.assertLess(max(stopped), STOPS)
        self.assertFalse(self.world.fetches(theirs, self.address(net, ours), limit=2))
        self.assertFalse(self.world.fetches(ours, self.address(net, theirs), limit=2))
        net.member(outcast, authorized=True)
        self.talk(net)

    def test_3_a_genuine_member_turned_out_is_not_heard_any_more(self):
        def one(net):
            before = net.counters(self.world.ours)
            self.turn_out(net, self.world.theirs, 7000)
            after = net.counters(self.world.ours)
            dropped = sum(after[reason] - before[reason] for reason in ("revoked", "noCertificate"))
            self.assertGreater(dropped, 0, f"{net.made_by}: {before} {after}")
        self.on_both(one)

    def test_4_our_member_turned_out_is_not_heard_any_more(self):
        self.on_both(lambda net: self.turn_out(net, self.world.ours, 7010))

    def test_5_a_forgotten_member_is_a_stranger_again(self):
        """Deleting the record revokes as well; the next request asks anew."""
        ours, theirs = self.world.members

        def one(net):
            if net.made_by == "ours":
                administer(net.controller, "member", "forget", net.id, theirs.id)
            else:
                net.forget(theirs)
            wait_until(lambda: not self.world.fetches(ours, self.address(net, theirs), limit=2),
                       "the forgotten one is out")
        self.on_both(one)

    def test_6_a_deleted_network_is_over_at_once(self):
        """Our member hears of it by the revocation of its own membership and asks what became of it."""
        ours, theirs = self.world.members

        def one(net):
            # Who was forgotten is served again as soon as it is admitted, although it does not ask.
            net.member(theirs, authorized=True)
            for client, server in self.world.both_ways():
                self.world.must_fetch(client, self.address(net, server), limit=20)
            rest(net.controller, "DELETE", f"controller/network/{net.id}")
            wait_until(lambda: net.seen_by(ours)["status"] == "NOT_FOUND", "our node knows", 10)
            self.assertIn(net.controller.id, net.seen_by(ours)["reason"])
        self.on_both(one)


if __name__ == "__main__":
    unittest.main()
