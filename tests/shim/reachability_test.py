"""`ztshim ping` and `ztshim why` on two nodes of one network, which also know what a program's connect does."""
import json
import subprocess
import unittest

from harness import ZTSHIM, World, wait_until


SERVER = """
import socket, sys
listener = socket.create_server((sys.argv[1], 7000), family=socket.AF_INET6)
print("listening", flush=True)
connection, peer = listener.accept()
connection.sendall(peer[0].encode() + b" " + connection.recv(99))
"""
CLIENT = """
import socket, sys
connection = socket.create_connection((sys.argv[1], 7000), timeout=60)
connection.sendall(b"hello")
connection.shutdown(socket.SHUT_WR)
print(connection.makefile().read(), connection.getsockname()[0])
"""


class Addressing(unittest.TestCase):
    """TCP both ways over each of the address plans."""

    def both_ways(self, plan):
        with World(["--pool6", plan]) as world:
            nodes = [world.node("one"), world.node("two")]
            for node in nodes:
                node.service()
                node.six = next(a.split("/")[0] for network in json.loads(node.ztshim("networks", "--json").stdout)
                                for a in network["addresses"] if ":" in a)
            for server, client in (nodes, reversed(nodes)):
                listening = server.start("/usr/bin/python3", "-c", SERVER, server.six)
                listening.wait_for_line("listening")
                done = client.run("/usr/bin/python3", "-c", CLIENT, server.six)
                self.assertEqual(done.stdout.decode().split(), [client.six, "hello", client.six], done.stderr)
                self.assertEqual(listening.process.wait(30), 0)

    def test_6plane(self):
        self.both_ways("6plane")

    def test_rfc4193(self):
        self.both_ways("rfc4193")

    def test_pool(self):
        self.both_ways("fd12:3456:789a::/64")


class Reachability(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["--pool6", "rfc4193"]).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.one, cls.two = cls.world.node("one"), cls.world.node("two")
        for node in (cls.one, cls.two):
            node.service()
            node.six = next(a.split("/")[0] for network in json.loads(node.ztshim("networks", "--json").stdout)
                            for a in network["addresses"] if ":" in a)

    def ping(self, *arguments):
        """Exit code, and the events by type."""
        done = self.one.ztshim("ping", "--json", *arguments)
        events, decoder, text = [], json.JSONDecoder(), done.stdout.decode().strip()
        while text:
            event, end = decoder.raw_decode(text)
            events.append(event)
            text = text[end:].lstrip()
        return done.returncode, events, done.stderr.decode()

    def replies(self, *arguments):
        code, events, errors = self.ping(*arguments)
        replies = [e for e in events if e["type"] == "reply"]
        self.assertEqual(code, 0 if replies else 1, errors)
        return replies

    def test_ping_over_both_families(self):
        for address in (self.two.address(), self.two.six):
            replies = self.replies(address, "-c", "3", "-i", "0.05")
            self.assertEqual([r["sequence"] for r in replies], [1, 2, 3], replies)
            self.assertEqual({r["from"] for r in replies}, {address})
            self.assertEqual({r["size"] for r in replies}, {56})
            self.assertTrue(all(0 < r["ms"] < 10_000 for r in replies))

    def test_ping_in_fragments(self):
        self.assertEqual([r["size"] for r in self.replies(self.two.six, "-c", "1", "-s", "9000")], [9000])

    def test_ping_of_ourselves(self):
        self.assertEqual(len(self.replies(self.one.address(), "-c", "2", "-i", "0.05")), 2)

    def test_ping_of_everybody(self):
        # The group's members are found within a second or so.
        network = self.world.network
        def answered():
            return {r["from"] for r in self.replies(f"ff02::1%{network}", "-c", "2", "-i", "0.2")}
        found = wait_until(answered, "an answer to ff02::1")
        self.assertTrue(all(address.startswith("f") for address in found), found)

    def test_ping_of_nobody_says_so(self):
        absent = self.two.address().rsplit(".", 1)[0] + ".250"
        code, events, _ = self.ping(absent, "-c", "1")
        self.assertEqual(code, 1)
        self.assertEqual(events[-1]["received"], 0)
        self.assertIn("nobody", events[-1]["reason"])

    def test_ping_elsewhere_is_explained(self):
        for target, word in (("192.0.2.1", "no joined network"), ("nonsense", "IP address"),
                             ("fe80::1%0123456789abcdef", "IP address")):
            code, _, errors = self.ping(target, "-c", "1")
            self.assertEqual(code, 1, target)
            self.assertIn(word, errors, target)

    def why(self, destination, **env):
        done = self.one.run(ZTSHIM, "why", "--home", self.one.home, "--json", destination, shim=False, **env)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)[0]

    def test_why(self):
        self.replies(self.two.six, "-c", "1")
        peer = self.why(f"[{self.two.six}]:80")
        self.assertEqual((peer["way"], peer["via"]["source"]), ("virtual", self.one.six))
        self.assertEqual(peer["via"]["network"], self.world.network)
        self.assertRegex(peer["via"]["member"], "^[0-9a-f]{10}$")
        self.assertEqual(self.why(f"{self.one.address()}:80")["reason"], "it is an address of this node")
        self.assertEqual(self.why("127.0.0.1:80")["way"], "host")
        inside = self.why("127.9.9.9:80", ZTSHIM_LOOPBACK="virtual")
        self.assertEqual((inside["way"], inside["via"]["interface"]), ("virtual", "lo"))
        self.assertEqual(self.why("192.0.2.1:80")["way"], "host")
        refused = self.why("192.0.2.1:80", ZTSHIM_EGRESS="virtual")
        self.assertEqual(refused["way"], "refused")
        self.assertIn("ZTSHIM_EGRESS", refused["reason"])

    def test_why_for_people(self):
        done = self.one.ztshim("why", f"{self.two.address()}:80")
        self.assertIn(f"{self.two.address()}:80: virtual: ", done.stdout.decode())
        inside = self.one.run(ZTSHIM, "why", "--home", self.one.home, "[::1]:80", shim=False, ZTSHIM_LOOPBACK="virtual")
        self.assertIn("  interface lo, from ::1, next hop ::1", inside.stdout.decode())
        self.assertEqual(self.one.ztshim("why", "no-port").returncode, 64)

    def test_a_stopped_ping_ends_in_the_service(self):
        running = subprocess.Popen([ZTSHIM, "ping", "--home", self.one.home, "--json", self.one.address(),
                                    "-i", "0.05"], env=self.one.env(), stdout=subprocess.PIPE)
        self.assertTrue(running.stdout.readline())
        running.kill()
        running.wait()
        running.stdout.close()
        # Many more than run at a time: each must make room when its asker goes.
        for _ in range(40):
            one = subprocess.Popen([ZTSHIM, "ping", "--home", self.one.home, "--json", self.one.address(),
                                    "-i", "0.05"], env=self.one.env(), stdout=subprocess.PIPE)
            self.assertTrue(one.stdout.readline())
            one.kill()
            one.wait()
            one.stdout.close()
