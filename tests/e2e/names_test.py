"""Names that a network's own name servers know (allowDNS), looked up over the network; all others as before."""
import json
import socket
import subprocess
import sys
import unittest

from harness import SOURCE, ZTSHIM, World, have, wait_until

SERVER = SOURCE / "tests" / "e2e" / "dns_server.py"
DOMAIN = "corp.test"

LOOKUPS = """
import socket
def attempt(call):
    try:
        return call()
    except OSError as e:
        return type(e).__name__ + " " + str(e.args[0])
for line in %r:
    print(attempt(lambda: eval(line)))
"""

# res_query(3) and its kin by both of their names; what comes is the size of the answer or -1, and whether it holds TEXT.
RECORDS = """
import ctypes, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
name, text, state = sys.argv[1].encode(), bytes.fromhex(sys.argv[2]), ctypes.create_string_buffer(4096)
label, _, domain = name.partition(b".")
message = struct.pack(">HHHHHH", 0x4711, 0x0100, 1, 0, 0, 0) + b"".join(bytes([len(l)]) + l for l in name.split(b".")) + b"\\0\\0\\1\\0\\1"
libc.__res_ninit(state)
for prefix in "", "__":
    for call, arguments in {"res_query": (name, 1, 1), "res_search": (name, 1, 1), "res_querydomain": (label, domain, 1, 1),
                            "res_send": (message, len(message)), "res_nquery": (state, name, 1, 1), "res_nsearch": (state, name, 1, 1),
                            "res_nquerydomain": (state, label, domain, 1, 1), "res_nsend": (state, message, len(message))}.items():
        answer = ctypes.create_string_buffer(4096)
        size = getattr(libc, prefix + call)(*arguments, answer, 4096)
        own_number = "send" not in call or answer.raw[:2] == message[:2]
        print(prefix + call, size > 0, text in answer.raw[:max(size, 0)] and own_number)
"""


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["--pool6", "rfc4193"]).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.server = cls.world.node("server")
        cls.server.service()
        cls.ip = cls.server.address()
        cls.ip6 = next(a.split("/")[0] for a in cls.network(cls.server)["addresses"] if ":" in a)
        records = [f"web.{DOMAIN}={cls.ip}", f"web.{DOMAIN}={cls.ip6}", f"four.{DOMAIN}={cls.ip}", f"six.{DOMAIN}={cls.ip6}",
                   f"alias.{DOMAIN}=web.{DOMAIN}", f"broken.{DOMAIN}=fail", f"{DOMAIN}={cls.ip}",
                   *(f"many.{DOMAIN}=10.147.17.{n}" for n in range(100, 140))]
        cls.dns = cls.server.start("/usr/bin/python3", SERVER, cls.ip, "53", *records)
        cls.dns.wait_for_line("ready")
        cls.http = cls.server.start("/usr/bin/python3", "-m", "http.server", "--bind", "::", "8000",
                                    "--directory", SOURCE / "docs")
        done = subprocess.run([ZTSHIM, "controller", "network", "set", "--home", cls.world.folder / "lab", cls.world.network,
                               "--dns", f"{DOMAIN},{cls.ip}"], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        cls.node = cls.world.node("member")
        cls.node.service()
        joined = cls.node.ztshim("join", cls.world.network, "allowDNS=1")
        assert joined.returncode == 0, joined.stderr
        wait_until(lambda: cls.network(cls.node)["dns"] == {"domain": DOMAIN, "servers": [cls.ip]},
                   "the name servers that the controller has pushed")
        # Programs wait for a network's first configuration, not for the end of an older one.
        cls.node.address()

    @staticmethod
    def network(node):
        return json.loads(node.ztshim("networks", "--json").stdout)[0]

    def asked(self):
        return [l.split() for l in self.dns.output().splitlines() if l.startswith("asked ")]

    def lookups(self, *lines, node=None, **env):
        done = (node or self.node).run("/usr/bin/python3", "-c", LOOKUPS % (lines,), **env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().splitlines()

    def addresses(self, line, **env):
        """[(family, address)] of a getaddrinfo for streams."""
        [text] = self.lookups(f"[(int(f), a[0]) for f, *_, a in {line}]", **env)
        return eval(text)

    def test_getaddrinfo_gives_both_families_and_services(self):
        [text] = self.lookups(f"sorted((int(f), int(t), p, n, a[:2]) for f, t, p, n, a in "
                              f"socket.getaddrinfo('WEB.{DOMAIN}', 'domain', 0, 0, 0, socket.AI_CANONNAME))")
        found = eval(text)
        self.assertEqual({(f, a) for f, _, _, _, a in found}, {(2, (self.ip, 53)), (10, (self.ip6, 53))})
        self.assertEqual({(t, p) for _, t, p, _, _ in found}, {(1, 6), (2, 17)})
        self.assertEqual([n.lower() for _, _, _, n, _ in found if n], [f"web.{DOMAIN}"])

    def test_every_hint(self):
        stream = "socket.SOCK_STREAM"
        get = lambda name, family, flags="0": self.addresses(f"socket.getaddrinfo('{name}.{DOMAIN}', 80, {family}, {stream}, 0, {flags})")
        self.assertEqual(get("web", "socket.AF_INET"), [(2, self.ip)])
        self.assertEqual(get("web", "socket.AF_INET6"), [(10, self.ip6)])
        mapped = "::ffff:" + self.ip
        self.assertEqual(get("four", "socket.AF_INET6", "socket.AI_V4MAPPED"), [(10, mapped)])
        self.assertEqual(get("web", "socket.AF_INET6", "socket.AI_V4MAPPED"), [(10, self.ip6)])
        self.assertEqual(set(get("web", "socket.AF_INET6", "socket.AI_V4MAPPED | socket.AI_ALL")), {(10, mapped), (10, self.ip6)})
        # The virtual interface has both families, whatever this machine's have.
        self.assertEqual({a for _, a in get("web", "0", "socket.AI_ADDRCONFIG")}, {self.ip, self.ip6})
        self.assertEqual(get("alias", "socket.AF_INET"), [(2, self.ip)])
        self.assertEqual(self.addresses(f"socket.getaddrinfo('{DOMAIN}.', 80, 2, {stream})"), [(2, self.ip)])

    def test_failures_say_what_happened(self):
        self.assertEqual(self.lookups(f"socket.getaddrinfo('nobody.{DOMAIN}', 80)",
                                      f"socket.getaddrinfo('six.{DOMAIN}', 80, socket.AF_INET)",
                                      f"socket.getaddrinfo('broken.{DOMAIN}', 80)",
                                      f"socket.getaddrinfo('web.{DOMAIN}', 'no-such-service')",
                                      f"socket.getaddrinfo('web.{DOMAIN}', 80, 0, 0, 0, socket.AI_NUMERICHOST)",
                                      f"socket.gethostbyname('nobody.{DOMAIN}')"),
                         ["gaierror -2", "gaierror -5", "gaierror -3", "gaierror -8", "gaierror -2", "gaierror -2"])

    def test_long_answers_come_over_tcp(self):
        before = len(self.asked())
        self.assertEqual(len(self.addresses(f"socket.getaddrinfo('many.{DOMAIN}', 80, 2, 1)")), 40)
        self.assertIn("tcp", {question[1] for question in self.asked()[before:]})

    def test_old_functions(self):
        lines = self.lookups(f"socket.gethostbyname('web.{DOMAIN}')", f"socket.gethostbyname_ex('alias.{DOMAIN}')",
                             f"socket.gethostbyaddr('{self.ip}')[0].endswith('.{DOMAIN}')",
                             f"socket.gethostbyaddr('{self.ip6}')[0].endswith('.{DOMAIN}')",
                             f"socket.getnameinfo(('{self.ip}', 80), 0)[0].endswith('.{DOMAIN}')",
                             f"socket.getnameinfo(('{self.ip}', 80), socket.NI_NOFQDN)",
                             f"socket.getnameinfo(('{self.ip}', 80), socket.NI_NUMERICHOST)")
        self.assertEqual(lines[0], self.ip)
        self.assertEqual(eval(lines[1]), (f"web.{DOMAIN}", [f"alias.{DOMAIN}"], [self.ip]))
        self.assertEqual(lines[2:5], ["True"] * 3)
        self.assertEqual(eval(lines[5])[0], "web")
        self.assertEqual(eval(lines[6]), (self.ip, "http"))

    def test_the_servers_are_asked_over_the_network_and_for_their_domain_alone(self):
        own = self.node.address()
        before = len(self.asked())
        self.lookups(f"socket.getaddrinfo('web.{DOMAIN}', 80)", "socket.getaddrinfo('localhost', 80)",
                     "socket.getaddrinfo('web', 80)", f"socket.getaddrinfo('not{DOMAIN}', 80)",
                     "socket.gethostbyname('example.invalid')")
        asked = self.asked()[before:]
        self.assertEqual({(q[2], q[4]) for q in asked}, {(own, f"web.{DOMAIN}")})

    def test_without_allow_dns_nobody_is_asked(self):
        other = self.world.node("other")
        other.service()
        before = len(self.asked())
        self.assertIn("gaierror", self.lookups(f"socket.getaddrinfo('web.{DOMAIN}', 80)", node=other)[0])
        self.assertEqual(self.asked()[before:], [])

    def test_egress_virtual_asks_nobody_else(self):
        lines = self.lookups(f"socket.getaddrinfo('web.{DOMAIN}', 80, 2, 1)[0][4]", "socket.gethostbyname('localhost')",
                             "socket.getaddrinfo('192.0.2.1', 80, 2, 1)[0][4]", "socket.getaddrinfo('example.invalid', 80)",
                             "socket.gethostbyname('example.invalid')", "socket.gethostbyaddr('192.0.2.1')",
                             ZTSHIM_EGRESS="virtual")
        # "Try again" where a resolver would have said that there is no such name: nobody was asked.
        self.assertEqual(lines, [f"('{self.ip}', 80)", "127.0.0.1", "('192.0.2.1', 80)", "gaierror -3", "gaierror -3", "herror 2"])

    def records(self, name, text, **env):
        done = self.node.run("/usr/bin/python3", "-c", RECORDS, name, text.hex(), **env)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return [line.split()[1:] for line in done.stdout.decode().splitlines()]

    def test_questions_for_records(self):
        address = socket.inet_aton(self.ip)
        self.assertEqual(self.records(f"four.{DOMAIN}", address), [["True", "True"]] * 16)
        # An answer that says no is none for most, and one for those that send.
        sent = ["False", "False", "False", "True"] * 4
        self.assertEqual([found for found, _ in self.records(f"nobody.{DOMAIN}", address)], sent)
        before = len(self.asked())
        self.assertEqual(self.records("example.invalid", address, ZTSHIM_EGRESS="virtual"), [["False", "False"]] * 16)
        self.assertEqual(self.asked()[before:], [])

    @unittest.skipUnless(have("strace"), "strace is not installed")
    def test_egress_virtual_sends_nothing_from_libc(self):
        log = self.world.folder / "strace.log"
        done = subprocess.run(["strace", "-f", "-e", "trace=connect,sendto,sendmmsg", "-o", log, "-E", "LD_PRELOAD=" + self.node._shimmed({})["LD_PRELOAD"],
                               sys.executable, "-c", LOOKUPS % (("socket.getaddrinfo('example.invalid', 80)",),)],
                              env=self.node.env(ZTSHIM_EGRESS="virtual"), check=False, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.stdout, "gaierror -3\n", done.stderr)
        self.assertNotIn("AF_INET", log.read_text())

    def test_real_programs(self):
        self.assertIn(self.ip6, self.node.run("getent", "ahosts", f"web.{DOMAIN}").stdout.decode())
        self.assertIn(f".{DOMAIN}", self.node.run("getent", "hosts", self.ip).stdout.decode())
        done = self.node.run("curl", "-sS", "--noproxy", "*", f"http://web.{DOMAIN}:8000/rpc.md")
        self.assertEqual(done.stdout, (SOURCE / "docs" / "rpc.md").read_bytes(), done.stderr)


if __name__ == "__main__":
    unittest.main()
