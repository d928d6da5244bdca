"""The virtual interfaces where programs look for interfaces, and TCP by one of them alone."""
import json
import socket
import unittest

from harness import BUILD, World, have

PROGRAM = BUILD / "tests" / "shim" / "shim_interfaces"

# Prints what a TCP connection by a link-local address, bound to an interface, looks like from both ends.
LINK_LOCAL = """
import socket, sys
address, name, where = sys.argv[1:]
index = socket.if_nametoindex(name)
listener = socket.create_server((address if where == "address" else "::", 7000, 0, index if where == "address" else 0),
                                family=socket.AF_INET6)
client = socket.create_connection((f"{address}%{name}", 7000), timeout=30)
server, peer = listener.accept()
client.sendall(b"hello")
print(server.recv(5).decode(), peer[3] == client.getsockname()[3] == client.getpeername()[3] == server.getsockname()[3] == index,
      server.getpeername() == client.getsockname() == peer, listener.getsockname()[3] == (index if where == "address" else 0))
print(client.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).decode().rstrip("\\0"))
"""
DEVICE = """
import errno, socket, sys
name, other = sys.argv[1:3]
def error_of(call):
    try:
        call()
    except OSError as e:
        return errno.errorcode[e.errno]
    return "done"
def device(s):
    return s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).decode().rstrip("\\0")
s = socket.socket()
bind = lambda name: error_of(lambda: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode()))
print(bind(name), device(s))
print(error_of(lambda: s.connect(("192.0.2.1", 80))))
print(bind("zt-nothing"), device(s))
print(bind(""), device(s) == "")
print(bind("lo"), device(s))
# Bound to the host's loopback the socket is the host's.
s.bind(("0.0.0.0", 0)); s.listen()
print(open(f"/proc/self/net/tcp").read().count(f"00000000:{s.getsockname()[1]:04X} 00000000:0000 0A"))
"""


# A program with netlink code of its own: peeks for the size, small buffers, one link with an acknowledgement.
NETLINK = """
import socket, struct, sys
index = int(sys.argv[1])
RTM_NEWLINK, RTM_GETLINK, DONE, ERROR = 16, 18, 3, 2
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
def request(flags, number, sequence):
    body = struct.pack("BxHiII", 0, 0, number, 0, 0)
    s.send(struct.pack("IHHII", 16 + len(body), RTM_GETLINK, 1 | flags, sequence, 0) + body)
def messages(data):
    while len(data) >= 16:
        size, kind, flags, sequence, port = struct.unpack_from("IHHII", data)
        yield kind, flags, sequence, port, data[16:size]
        data = data[size + 3 & ~3:]
def links(size):
    found, tail = [], None
    while tail is None:
        whole = s.recv(0, socket.MSG_PEEK | socket.MSG_TRUNC) if size is None else b""
        # A length of 0 would be the end; what a peek returns is what a read gives then.
        data = s.recv(size or 65536)
        for kind, flags, sequence, port, body in messages(data):
            if kind == RTM_NEWLINK:
                found.append((struct.unpack_from("i", body, 4)[0], sequence, port))
            if kind in (DONE, ERROR):
                tail = (kind, struct.unpack_from("i", body)[0])
    return found, tail
request(0x300, 0, 7)
found, tail = links(16384)
print((index, 7, s.getsockname()[0]) in found and tail[0] == DONE, end=" ")
request(4, index, 8)
print(links(None) == ([(index, 8, s.getsockname()[0])], (ERROR, 0)), end=" ")
request(0, index, 9)
data = s.recv(65536)
s.setblocking(False)
try:
    s.recv(65536)
    print(False, end=" ")
except BlockingIOError:
    print(len(list(messages(data))) == 1, end=" ")
s.setblocking(True)
request(0, index + 500, 10)
print(links(65536) == ([], (ERROR, -19)))
"""


class Interfaces(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["--pool6", "rfc4193"]).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.node = cls.world.node("node")
        cls.node.service()
        cls.node.address()
        cls.network = json.loads(cls.node.ztshim("networks", "--json").stdout)[0]
        cls.name = cls.network["portDeviceName"]
        cls.mac = cls.network["mac"].replace(":", "")
        cls.v4 = next(a for a in cls.network["addresses"] if ":" not in a)
        cls.v6 = next(a for a in cls.network["addresses"] if ":" in a)
        listed = cls.lines("list")
        cls.index = int(next(l for l in listed if l.startswith(f"name {cls.name}=")).split("=")[1].split()[0])
        cls.link_local = next(l for l in listed if l.startswith(cls.name) and "address=fe80" in l).split("address=")[1].split("%")[0]

    @classmethod
    def lines(cls, *arguments, **env):
        done = cls.node.run(PROGRAM, *arguments, **env)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode().splitlines()

    def python(self, program, *arguments):
        done = self.node.run("/usr/bin/python3", "-c", program, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done.stdout.decode().splitlines()

    def test_getifaddrs_has_links_and_addresses_of_both_families(self):
        lines = self.lines("list")
        ours = [l for l in lines if l.startswith(self.name + " ")]
        ip = self.v4.split("/")[0]
        self.assertEqual(ours[0], f"{self.name} flags=11043 address=link{self.index}/1/{self.mac} netmask=- "
                                  f"broadcast=link{self.index}/1/{'f' * 12}")
        self.assertIn(f"{self.name} flags=11043 address={ip} netmask=255.255.255.0 "
                      f"broadcast={ip.rsplit('.', 1)[0]}.255", ours)
        self.assertTrue(any(f"address={self.v6.split('/')[0]}%0 netmask=ff" in l for l in ours), ours)
        self.assertTrue(any(f"address={self.link_local}%{self.index} netmask=ffff:ffff:ffff:ffff::%0 broadcast=-" in l for l in ours), ours)
        self.assertEqual(len(ours), 4)

    def test_the_hosts_interfaces_are_as_without_us(self):
        def without_ours(lines):
            # Counters and temporary addresses are not printed; the rest stands still.
            return [l for l in lines if not l.startswith((self.name, f"name {self.name}"))]
        plain = self.node.run(PROGRAM, "list", shim=False).stdout.decode().splitlines()
        self.assertEqual(without_ours(self.lines("list")), plain)

    def test_names_and_numbers(self):
        self.assertIn(f"name {self.name}={self.index} back={self.index},{self.name}", self.lines("list"))
        self.assertEqual(self.lines("list")[-1], "unknown: 0 No such device null No such device or address")

    def ioctls(self, domain):
        lines = self.lines("ioctl", domain)
        plain = self.node.run(PROGRAM, "ioctl", domain, shim=False).stdout.decode().splitlines()
        ours = [l for l in lines if l.startswith(self.name)]
        self.assertEqual([l for l in lines if l not in ours], plain)
        self.assertEqual(len(ours), 1)
        return ours[0]

    def test_every_request_on_a_virtual_socket(self):
        ip = self.v4.split("/")[0]
        self.assertEqual(self.ioctls("inet"),
                         f"{self.name} conf={ip} address={ip} netmask=255.255.255.0 broadcast={ip.rsplit('.', 1)[0]}.255 "
                         f"flags=1043 index={self.index} name={self.name} mtu=2800 mac=1/{self.mac}")

    def test_requests_on_sockets_of_other_families_say_what_the_kernel_says(self):
        for domain in ("inet6", "unix"):
            ours = self.ioctls(domain)
            self.assertIn(f"flags=1043 index={self.index} name={self.name} mtu=2800 mac=1/{self.mac}", ours)
            self.assertIn("netmask=Inappropriate ioctl for device", ours)

    @unittest.skipUnless(have("ip"), "iproute2 is not installed")
    def test_ip_shows_them(self):
        def ip(*arguments, **how):
            done = self.node.run(have("ip"), "-j", *arguments, **how)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            return json.loads(done.stdout or "[]")
        links = {l["ifname"]: l for l in ip("link") if l}
        self.assertEqual((links[self.name]["ifindex"], links[self.name]["mtu"], links[self.name]["address"].replace(":", "")),
                         (self.index, 2800, self.mac))
        self.assertEqual(links[self.name]["operstate"], "UP")
        self.assertEqual([l for l in ip("link") if l.get("ifname") != self.name], ip("link", shim=False))
        def addresses(*arguments):
            return {f"{a['local']}/{a['prefixlen']}" for l in ip(*arguments) if l.get("ifname") == self.name
                    for a in l["addr_info"] if a}
        link_local = f"{self.link_local}/64"
        self.assertEqual(addresses("addr"), {self.v4, self.v6, link_local})
        self.assertEqual(addresses("-6", "addr"), {self.v6, link_local})
        self.assertEqual(addresses("-4", "addr", "show", "dev", self.name), {self.v4})
        self.assertEqual(addresses("addr", "show", "dev", self.name, "scope", "global"), {self.v4, self.v6})
        self.assertEqual([l["ifname"] for l in ip("link", "show", "dev", self.name)], [self.name])
        self.assertEqual([l["ifname"] for l in ip("addr", "show", "dev", "lo")], ["lo"])
        self.assertNotEqual(self.node.run(have("ip"), "link", "show", "dev", "ztnothing").returncode, 0)

    def test_netlink_in_small_pieces(self):
        seen = self.python(NETLINK, str(self.index))
        self.assertEqual(seen, ["True True True True"])

    def test_link_local_addresses_with_their_scope(self):
        for where in ("wildcard", "address"):
            self.assertEqual(self.python(LINK_LOCAL, self.link_local, self.name, where),
                             ["hello True True True", self.name], where)

    def test_bind_to_device(self):
        self.assertEqual(self.python(DEVICE, self.name, "lo"),
                         [f"done {self.name}", "ENETUNREACH", f"ENODEV {self.name}", "done True", "done lo", "1"])

    def test_python_sees_them(self):
        self.assertIn(f"({self.index}, '{self.name}')", self.python("import socket; print(socket.if_nameindex())")[0])
        self.assertNotIn(self.name, [name for _, name in socket.if_nameindex()])
