"""Programs that know nothing of us, as clients and as servers: what people use every day, between two nodes of
one lab, each with a service of its own. Servers that take more than a line are in apps/."""
import json
import os
import pathlib
import re
import subprocess
import unittest

from harness import LIBRARY, World, have, wait_until

HERE = pathlib.Path(__file__).resolve().parent / "applications"


def needs(*programs):
    """Skips where a program is not installed."""
    def decorate(test):
        missing = [p for p in programs if not have(p)]
        return unittest.skip(f"not installed: {', '.join(missing)}")(test) if missing else test
    return decorate


class Applications(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["--pool6", "rfc4193"]).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.server, cls.client = cls.world.node("server"), cls.world.node("client")
        for node in (cls.server, cls.client):
            node.service()
            node.four = node.address()
            node.six = cls.six_of(node)

    @staticmethod
    def six_of(node):
        networks = json.loads(node.ztshim("networks", "--json").stdout)
        return next(a.split("/")[0] for n in networks for a in n["addresses"] if ":" in a)

    def serve(self, *arguments, line=None, node=None, **more):
        program = (node or self.server).start(*arguments, **more)
        self.addCleanup(program.stop)
        if line:
            program.wait_for_line(line)
        return program

    def client_says(self, *arguments, code=0, **more):
        done = self.client.run(*arguments, **more)
        self.assertEqual(done.returncode, code, (done.stdout, done.stderr))
        return done.stdout.decode()

    def listening(self, port, node=None):
        """Waits until somebody listens there."""
        def look():
            sockets = json.loads((node or self.server).ztshim("sockets", "--json").stdout)
            return any(s["state"] == "LISTEN" and s["local"].endswith(f":{port}") for s in sockets)
        wait_until(look, f"a listener on port {port}")

    # ---- the web

    def test_curl_over_ipv6(self):
        self.serve("python3", "-m", "http.server", "8101", "--bind", "::", "--directory", HERE, line="Serving HTTP")
        got = self.client_says("curl", "-6", "-sS", "--fail", f"http://[{self.server.six}]:8101/net.pl")
        self.assertEqual(got, (HERE / "net.pl").read_text())

    @needs("wget")
    def test_wget(self):
        self.serve("python3", "-m", "http.server", "8102", "--directory", HERE, line="Serving HTTP")
        got = self.client_says("wget", "-q", "-O", "-", "--tries=3", f"http://{self.server.four}:8102/net.js")
        self.assertEqual(got, (HERE / "net.js").read_text())

    # ---- languages

    @needs("node")
    def test_node_js_with_itself(self):
        self.serve("node", HERE / "net.js", "serve", "8111", "8112", "8113", line="serving")
        said = self.client_says("node", HERE / "net.js", "ask", self.server.four, "8111", "8112", "8113")
        self.assertEqual(said.splitlines(), ["http 200 POST /path body", "net true true", "dgram echo hello true"])

    @needs("java", "javac")
    def test_java_with_itself(self):
        classes = self.world.folder / "classes"
        if not classes.exists():
            subprocess.run(["javac", "-d", classes, HERE / "Net.java"], check=True)
        java = ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", str(classes), "Net"]
        self.serve(*java, "serve", "8121", "8122", "8123", line="serving")
        said = self.client_says(*java, "ask", self.server.four, "8121", "8122", "8123")
        self.assertEqual(said.splitlines(), ["http 200 java body", f"nio {1 << 20} true", "datagram echo hello"])

    @needs("perl")
    def test_perl_with_itself(self):
        self.serve("perl", HERE / "net.pl", "serve", "8131", "8132", line="serving")
        said = self.client_says("perl", HERE / "net.pl", "ask", self.server.four, "8131", "8132")
        self.assertEqual(said.splitlines(), ["stream perl hello", "peer right", "datagram echo hello"])

    # ---- measuring and plumbing

    @needs("socat")
    def test_socat_both_roles(self):
        self.serve("socat", "TCP-LISTEN:8171,fork,reuseaddr", "EXEC:cat")
        self.listening(8171)
        blob = os.urandom(1 << 20)
        got = self.client.run("socat", "-t10", "-", f"TCP:{self.server.four}:8171", stdin=blob)
        self.assertEqual((got.returncode, got.stdout == blob), (0, True), got.stderr)

    @needs("socat")
    def test_socat_over_udp(self):
        self.serve("socat", "UDP-RECVFROM:8172,fork", "EXEC:cat")
        wait_until(lambda: self.client.run("socat", "-t1", "-", f"UDP:{self.server.four}:8172", stdin=b"datagram").stdout
                   == b"datagram", "an echo by socat")

    def iperf3(self, port, *arguments):
        self.serve("iperf3", "-s", "--forceflush", "-p", str(port), line="Server listening")
        said = self.client_says("iperf3", "-c", self.server.four, "-p", str(port), "-J", "-n", "8M", *arguments)
        return json.loads(said)["end"]

    @needs("iperf3")
    def test_iperf3_tcp(self):
        end = self.iperf3(8181)
        self.assertGreaterEqual(end["sum_sent"]["bytes"], 8 << 20)
        # The server stops counting when the client says so, with bytes still on their way.
        self.assertGreater(end["sum_received"]["bytes"], 1 << 20)

    @needs("iperf3")
    def test_iperf3_reverse(self):
        self.assertGreater(self.iperf3(8182, "-R")["sum_received"]["bytes"], 1 << 20)

    @needs("iperf3")
    def test_iperf3_parallel(self):
        end = self.iperf3(8183, "-P", "4")
        self.assertEqual(len(end["streams"]), 4)

    @needs("iperf3")
    def test_iperf3_udp(self):
        end = self.iperf3(8184, "-u", "-b", "50M")
        self.assertGreater(end["sum"]["packets"], 1000)
        self.assertLess(end["sum"]["lost_percent"], 50)  # that datagrams arrive, not how fast

    @needs("nc")
    def test_netcat_over_udp(self):
        listening = self.serve("nc", "-u", "-l", "8191")
        heard = f"hello {os.getpid()}"
        wait_until(lambda: self.client.run("nc", "-u", "-w1", self.server.four, "8191", stdin=heard.encode()) and
                   heard in listening.output(), "netcat hears a datagram")

    @needs("ping")
    def test_ping(self):
        for address in (self.server.four, self.server.six):
            said = self.client_says("ping", "-c", "3", "-i", "0.2", "-W", "20", address)
            self.assertIn("3 packets transmitted, 3 received, 0% packet loss", said)
        self.assertIn("1 received", self.client_says("ping", "-c", "1", "-s", "6000", "-W", "20", self.server.four))

    @needs("dig")
    def test_dig(self):
        self.serve("python3", HERE.parent / "dns_server.py", "0.0.0.0", "8195", "host.example=192.0.2.7", line="ready")
        for transport in ([], ["+tcp"]):
            said = self.client_says("dig", f"@{self.server.four}", "-p", "8195", "+short", "+time=5", "+tries=5", *transport,
                                    "host.example", "A")
            self.assertEqual(said, "192.0.2.7\n")

    # ---- nothing beside the network

    @needs("strace")
    def test_nothing_leaves_under_virtual_egress(self):
        """The socket calls that reach the kernel: the service's own UDP sockets, which never connect, and
        what libc does by itself (netlink, for its order of addresses)."""
        self.serve("python3", "-m", "http.server", "8196", "--directory", HERE, line="Serving HTTP")
        node = self.world.node("traced")
        trace = self.world.folder / "trace"
        command = ["strace", "-f", "-e", "trace=%network", "-o", trace, "env", f"LD_PRELOAD={LIBRARY}",
                   "curl", "-sS", "--fail", "--retry", "5", "--retry-connrefused", f"http://{self.server.four}:8196/net.pl"]
        done = node.run(*command, shim=False, ZTSHIM_EGRESS="virtual")
        self.assertEqual((done.returncode, done.stdout), (0, (HERE / "net.pl").read_bytes()), done.stderr)
        text = trace.read_text()
        self.assertRegex(text, r"socket\(AF_UNIX, SOCK_SEQPACKET")
        self.assertEqual(re.findall(r".*connect\(\d+, \{sa_family=AF_INET.*", text), [])
        self.assertEqual(re.findall(r".*socket\(AF_INET6?, SOCK_STREAM.*", text), [])
        elsewhere = self.client.run("curl", "-sS", "http://192.0.2.1/", ZTSHIM_EGRESS="virtual")
        self.assertEqual(elsewhere.returncode, 7, elsewhere.stderr)
        self.assertRegex(elsewhere.stderr.decode(), "unreachable|Couldn't connect")


if __name__ == "__main__":
    unittest.main()
