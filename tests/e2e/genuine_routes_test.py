"""Hosts behind members, on both makes' controllers' networks (ZEROTIER_ONE): the genuine member as the gateway
to them, also for everything else there is, and as a bridge; a second address of ours reached by a route."""
import unittest

from harness import wait_until
from internet import Host, Internet, Segment
from members import Scene, why_not
from networks import MixedWorld, at_once, rest

FAR = "203.0.113"  # beyond the gateway, in no network and no managed route but the default one


def serve_at(world, host, port, bind):
    """An unmodified web server of a host without a node."""
    web = world.scene.start([*host.prefix, "python3", "-u", "-m", "http.server", str(port), "--bind", bind,
                             "--directory", world.scene.site], f"{host.name}-{port}")
    web.wait_for_line("Serving HTTP on")


class Behind:
    """A host behind the genuine member, which routes to it."""

    def __init__(self, world, number):
        self.number = number
        gateway = world.theirs.host
        lan = f"lan{number}"
        self.host = Host(world.internet, f"behind{number}").attach(
            Segment(gateway.space, lan, f"192.168.7{number}.0/24", gateway=True))
        self.six = f"fd7{number}::2"
        self.host.sysctl("net.ipv6.conf.all.disable_ipv6=0")
        gateway.ip("addr", "add", f"fd7{number}::1/64", "dev", lan, "nodad")
        self.host.ip("addr", "add", f"{self.six}/64", "dev", self.host.device, "nodad")
        self.host.ip("-6", "route", "add", "default", "via", f"fd7{number}::1")
        self.far = f"{FAR}.{number}"
        self.host.ip("addr", "add", f"{self.far}/32", "dev", "lo")
        gateway.ip("route", "add", f"{self.far}/32", "via", self.host.address)
        self.name, self.address = self.host.name, self.host.address
        self.run = self.host.run
        serve_at(world, self.host, 8080, "0.0.0.0")
        serve_at(world, self.host, 9080, "::")


class Bridged:
    """A host in the very Ethernet of a network, whose bridge the genuine member is."""

    def __init__(self, world, net, number):
        device = wait_until(lambda: net.seen_by(world.theirs).get("portDeviceName"), "their interface")
        bridge = Segment(world.theirs.host.space, f"br{number}", f"10.5.{number}.0/24")
        self.host = Host(world.internet, f"bridged{number}").attach(bridge, address=f"10.5.{number}.200")
        world.theirs.host.ip("link", "set", device, "master", bridge.bridge)
        self.name, self.address, self.run = self.host.name, self.host.address, self.host.run
        serve_at(world, self.host, 8080, "0.0.0.0")


@unittest.skipIf(why_not(), why_not())
class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        cls.world = world = MixedWorld(cls.enterClassContext(Scene()), internet)
        world.theirs.host.sysctl("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        cls.behind = [Behind(world, number) for number in (1, 2)]
        world.bring_up()
        cls.networks = world.networks(
            4, routes=[{"target": "SUBNET.0/24", "via": None}],
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.254"}],
            v4AssignMode={"zt": True}, v6AssignMode={"rfc4193": True})
        world.join(*cls.networks)
        world.serve(8080)
        at_once(*(lambda net=net, behind=behind: cls.make_routes(net, behind)
                  for net, behind in zip(cls.networks, cls.behind)))

    @classmethod
    def make_routes(cls, net, behind):
        """Known only once the members have addresses: the networks' configurations change while in use."""
        ours, theirs = (net.address(node, "10.4.0.0/16") for node in cls.world.members)
        theirs6 = net.address(cls.world.theirs, "fd00::/8")
        net.second = f"10.40.{behind.number}.5"
        net.change(routes=[{"target": f"10.4.{behind.number}.0/24", "via": None},
                           {"target": f"192.168.7{behind.number}.0/24", "via": theirs},
                           {"target": f"fd7{behind.number}::/64", "via": theirs6},
                           {"target": f"{net.second}/32", "via": ours},
                           {"target": "0.0.0.0/0", "via": theirs}])
        net.member(cls.world.ours, ipAssignments=[ours, net.second])

    def test_hosts_behind_a_bridge_and_our_programs_reach_each_other(self):
        world = self.world
        networks = world.networks(
            5, routes=[{"target": "SUBNET.0/24", "via": None}],
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.100"}],
            v4AssignMode={"zt": True})
        for net in networks:
            net.member(world.theirs, activeBridge=True, noAutoAssignIps=True)
        world.join(*networks)
        bridged = [Bridged(world, net, number + 1) for number, net in enumerate(networks)]

        def one(net, host):
            world.must_fetch(world.ours, host.address)
            world.must_fetch(host, net.address(world.ours, "10.5.0.0/16"))
        at_once(*(lambda net=net, host=host: one(net, host) for net, host in zip(networks, bridged)))

    def on_both(self, work):
        at_once(*(lambda net=net, behind=behind: work(net, behind)
                  for net, behind in zip(self.networks, self.behind)))

    def test_our_program_reaches_a_host_behind_the_genuine_member(self):
        def one(net, behind):
            for address in (behind.address, behind.six):
                self.world.must_fetch(self.world.ours, address)
        self.on_both(one)

    def test_a_host_behind_the_genuine_member_reaches_our_program(self):
        def one(net, behind):
            for prefix in ("10.4.0.0/16", "fd00::/8"):
                self.world.must_fetch(behind, net.address(self.world.ours, prefix))
        self.on_both(one)

    def test_a_route_leads_to_a_second_address_of_ours(self):
        def one(net, behind):
            self.assertEqual(net.address(self.world.ours, f"{net.second}/32"), net.second)
            self.world.must_fetch(self.world.theirs, net.second)
            self.world.must_fetch(behind, net.second)
        self.on_both(one)

    def test_the_default_route_is_taken_with_permission_alone(self):
        ours = self.world.ours
        for behind in self.behind:
            self.assertFalse(self.world.fetches(ours, behind.far, limit=2))
        for net, behind in zip(self.networks, self.behind):
            rest(ours, "POST", f"network/{net.id}", {"allowDefault": True})
            wait_until(lambda: net.seen_by(ours)["allowDefault"], "the permission")
            self.world.must_fetch(ours, behind.far)
            rest(ours, "POST", f"network/{net.id}", {"allowDefault": False})
            wait_until(lambda: not self.world.fetches(ours, behind.far, limit=2), "the end of the permission")


if __name__ == "__main__":
    unittest.main()
