"""Networks of both makes' controllers with members of both makes (ZEROTIER_ONE): every kind of address,
several networks at once, networks without a controller, broadcast and multicast."""
import json
import unittest

from harness import ZTSHIM, have, wait_until
from internet import Internet
from members import GENUINE, Scene, why_not
from networks import MixedWorld, at_once, join, seen_by

AD_HOC = "ff1f402710000000"  # TCP ports 8000 to 10000


def link_local(mac):
    """The address that an interface with this MAC makes for itself (notes, vl2 1.3)."""
    octets = [int(part, 16) for part in mac.split(":")]
    octets[0] ^= 2
    words = [octets[0] << 8 | octets[1], octets[2] << 8 | 0xff, 0xfe00 | octets[3], octets[4] << 8 | octets[5]]
    return "fe80::" + ":".join(f"{word:x}" for word in words)


@unittest.skipIf(why_not(), why_not())
class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        cls.world = MixedWorld(cls.enterClassContext(Scene()), internet)
        cls.world.bring_up()
        cls.networks = cls.world.networks(
            1, routes=[{"target": "SUBNET.0/24", "via": None}, {"target": "fd17:MAKE::/64", "via": None}],
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.254"},
                               {"ipRangeStart": "fd17:MAKE::1", "ipRangeEnd": "fd17:MAKE::ffff:ffff:ffff"}],
            v4AssignMode={"zt": True}, v6AssignMode={"zt": True, "rfc4193": True, "6plane": True})
        cls.plain = cls.world.networks(
            2, routes=[{"target": "SUBNET.0/24", "via": None}], v4AssignMode={"zt": True},
            ipAssignmentPools=[{"ipRangeStart": "SUBNET.1", "ipRangeEnd": "SUBNET.254"}])
        cls.world.join(*cls.networks, *cls.plain)
        for node in cls.world.members:
            join(node, AD_HOC)
        at_once(*(lambda node=node, net=net: net.address(node, "10.0.0.0/8")
                  for node in cls.world.members for net in cls.networks + cls.plain))
        cls.world.serve(8080)

    def everybody_fetches(self, prefix_of):
        """Both directions on both controllers' networks, all at once: two networks in use together."""
        at_once(*(lambda c=client, s=server, n=net: self.world.must_fetch(c, n.address(s, prefix_of(n)))
                  for net in self.networks for client, server in self.world.both_ways()))

    def number_of(self, network):
        return self.networks.index(network) + 1

    def test_tcp_both_ways_over_ipv4_of_a_pool(self):
        self.everybody_fetches(lambda net: f"10.1.{self.number_of(net)}.0/24")

    def test_tcp_both_ways_over_ipv6_of_a_pool(self):
        self.everybody_fetches(lambda net: f"fd17:{self.number_of(net)}::/64")

    def test_tcp_both_ways_over_rfc4193(self):
        def prefix(net):
            digits = "fd" + net.id + "9993" + "0" * 10
            return ":".join(digits[i:i + 4] for i in range(0, 32, 4)) + "/88" if len(digits) == 32 else ""
        self.everybody_fetches(prefix)

    def test_tcp_both_ways_over_6plane(self):
        self.everybody_fetches(lambda net: "fc00::/8")

    def test_tcp_both_ways_without_a_controller(self):
        def address(node):
            def look():
                return next(iter(seen_by(node, AD_HOC).get("assignedAddresses", [])), None)
            return wait_until(look, f"{node.name} has an address on {AD_HOC}").split("/")[0]
        def one(client, server):
            self.world.must_fetch(client, address(server))
            outside = client.run("curl", "-sS", "--max-time", "3", f"http://[{address(server)}]:7999/")
            self.assertEqual(outside.returncode, 28, "neither an answer nor a refusal comes from outside the range")
        at_once(*(lambda ways=ways: one(*ways) for ways in self.world.both_ways()))

    def ping_from_theirs(self, *arguments):
        done = self.world.theirs.run(have("ping"), "-c3", "-i0.3", "-W3", *arguments)
        return done.stdout.decode()

    def ping_from_ours(self, *arguments):
        ours = self.world.ours
        return ours.host.run(ZTSHIM, "ping", "-c", "3", "-i", "0.3", *arguments, env=ours.env()).stdout.decode()

    def on_each(self, work, networks=None):
        at_once(*(lambda net=net: work(net) for net in networks or self.networks))

    def test_every_address_answers_pings_of_every_size(self):
        """The largest comes in fragments: of IP, and each of them in packets of ours."""
        def one(net):
            for address in net.addresses(self.world.ours):
                for size in (0, 2000, 6000):
                    wait_until(lambda: f"bytes from {address}" in self.ping_from_theirs("-s", size, address),
                               f"{address} answers a ping of {size} bytes")
            for address in net.addresses(self.world.theirs):
                for size in (0, 2000, 6000):
                    wait_until(lambda: f"bytes from {address}" in self.ping_from_ours("-s", size, address),
                               f"{address} answers our ping of {size} bytes")
        self.on_each(one)

    def test_all_ipv6_nodes_answer_a_ping_to_all(self):
        """Also where the controller gives no IPv6 addresses: every interface has its link-local one."""
        def one(net):
            ours, theirs = (link_local(net.seen_by(node)["mac"]) for node in self.world.members)
            device = net.seen_by(self.world.theirs)["portDeviceName"]
            wait_until(lambda: f"from {ours}" in self.ping_from_theirs("-6", f"ff02::1%{device}"),
                       f"{ours} answers a ping to ff02::1 on the network of {net.made_by}")
            wait_until(lambda: f"from {theirs}" in self.ping_from_ours(f"ff02::1%{net.id}"),
                       f"{theirs} answers our ping to ff02::1 on the network of {net.made_by}")
        self.on_each(one, self.networks + self.plain)

    def test_a_broadcast_reaches_our_node(self):
        """It asks who has an address: the answer comes to whoever asked everybody."""
        def one(net):
            device = net.seen_by(self.world.theirs)["portDeviceName"]
            expected = net.address(self.world.ours, f"10.1.{self.number_of(net)}.0/24")
            mac = net.seen_by(self.world.ours)["mac"]

            def asked():
                self.world.theirs.host.run("ip", "neigh", "flush", "dev", device)
                self.ping_from_theirs(expected)
                known = self.world.theirs.host.run("ip", "neigh", "show", expected, "dev", device)
                return mac in known.stdout.decode()
            wait_until(asked, f"{expected} tells its MAC on the network of {net.made_by}")
        self.on_each(one)

    def genuine_cli(self, *arguments):
        """The genuine zerotier-cli on our service's home."""
        ours = self.world.ours
        done = ours.host.run(GENUINE, "-q", f"-D{ours.home}", *arguments, env=self.world.theirs.env())
        self.assertEqual(done.returncode, 0, done)
        return done.stdout.decode()

    def test_the_genuine_command_line_tells_of_our_service(self):
        ours = self.world.ours
        self.assertRegex(self.genuine_cli("status"), f"^200 info {ours.id} [0-9.]+ ONLINE\n$")
        peers = self.genuine_cli("peers")
        for root in (self.world.our_root, self.world.their_root):
            self.assertRegex(peers, f"(?m)^{root.id} +[0-9.]+ +PLANET .*{root.host.address}/9993$")
        listed = self.genuine_cli("listnetworks")
        for net in self.networks:
            line = next(line for line in listed.splitlines() if f" {net.id} " in line)
            self.assertRegex(line, "^200 listnetworks .* OK PUBLIC ")
            for address in net.addresses(ours):
                self.assertIn(f"{address}/", line)
        told = json.loads(self.genuine_cli("-j", "listnetworks"))
        self.assertLessEqual({net.id for net in self.networks}, {net["nwid"] for net in told})
        self.assertIn("10.1.1.", self.genuine_cli("get", self.networks[0].id, "ip4"))

    def test_the_genuine_command_line_makes_our_service_join_and_leave(self):
        other = AD_HOC.replace("2710", "2711")
        self.assertIn("200 join OK", self.genuine_cli("join", other))
        wait_until(lambda: seen_by(self.world.ours, other).get("status") == "OK", f"{other} is joined")
        self.assertIn("200 leave OK", self.genuine_cli("leave", other))
        wait_until(lambda: not seen_by(self.world.ours, other), f"{other} is left")


if __name__ == "__main__":
    unittest.main()
