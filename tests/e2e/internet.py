"""An internet of network namespaces: hosts on a backbone and behind NATs, without a way to anywhere real.

Every namespace is named after this process and removed at the end, also by the next run when this one
was killed. The backbone has addresses of global scope, as peers choose and announce paths by scope
(notes, vl1-behaviour 5.1); nothing leaves the namespaces. IPv6 is off: its own chatter would blur the
counts.
"""
import atexit
import contextlib
import ipaddress
import json
import os
import re
import signal
import subprocess

from harness import Namespaces, have

TAG = "zi"  # our namespaces are called zi<pid>x<number><name>

RULES = {
    # Mapping kept per inner socket, reached only by the endpoints that were written to.
    "port-restricted": "oifname wan masquerade",
    # Another outer port for every destination.
    "symmetric": "oifname wan masquerade fully-random",
    # The inner host of the LAN keeps its ports and anybody reaches them.
    "full-cone": "oifname wan masquerade",
}


def why_not():
    """The reason why such an internet cannot be made here, or None."""
    return Namespaces.why_not() or (None if have("nft") else "NATs need nftables")


def _ip(*arguments):
    subprocess.run([have("ip"), *map(str, arguments)], check=True)


def _remove(space):
    """The namespace and whatever still runs in it; without processes it would live on, nameless."""
    listed = subprocess.run([have("ip"), "netns", "pids", space], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run([have("ip"), "netns", "del", space], check=False, capture_output=True)


def _end_orderly(*_):
    raise KeyboardInterrupt


def remove_leftovers():
    """Namespaces of runs that were killed: those whose process is gone."""
    listed = subprocess.run([have("ip"), "netns", "list"], capture_output=True, text=True, check=False)
    for line in listed.stdout.splitlines():
        found = re.match(rf"({TAG}(\d+)x\S+)", line)
        if found and not os.path.exists(f"/proc/{found[2]}/exe"):  # nor a zombie
            _remove(found[1])


class Host:
    """A network namespace with interfaces; programs run in it with `prefix`."""

    def __init__(self, internet, name):
        self.internet, self.name = internet, name
        self.space = f"{TAG}{os.getpid()}x{internet.number}{name}"
        self.segment = self.device = self.address = None
        _ip("netns", "add", self.space)
        internet.spaces.append(self.space)
        self.prefix = [have("ip"), "netns", "exec", self.space]
        self.sysctl("net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.ip("link", "set", "lo", "up")

    def ip(self, *arguments):
        _ip("-n", self.space, *arguments)

    def run(self, *arguments, timeout=120, **options):
        return subprocess.run([*self.prefix, *map(str, arguments)], capture_output=True, timeout=timeout,
                              check=False, **options)

    def sysctl(self, *settings):
        for setting in settings:
            name, value = setting.split("=")
            command = f"echo {value} > /proc/sys/{name.replace('.', '/')}"
            self.run("sh", "-c", f"[ ! -e /proc/sys/{name.replace('.', '/')} ] || {command}")

    def nft(self, rules):
        done = self.run(have("nft"), "-f", "-", input=rules.encode())
        if done.returncode != 0:
            raise AssertionError(f"nft in {self.space}: {done.stderr.decode()}")

    def attach(self, segment, device="eth0", address=None):
        """Puts an interface of this host on a segment, at the next free address of it."""
        plug = f"p{len(self.internet.spaces)}{device}"
        self.ip("link", "add", device, "type", "veth", "peer", "name", plug, "netns", segment.space)
        _ip("-n", segment.space, "link", "set", plug, "master", segment.bridge, "up")
        self.segment, self.device = segment, device
        self.set_address(address or segment.next_address())
        return self

    def set_address(self, address):
        """The interface's only address from now on; the route to the outside comes with it."""
        self.ip("addr", "flush", "dev", self.device)
        self.ip("addr", "add", f"{address}/{self.segment.subnet.prefixlen}", "dev", self.device)
        self.ip("link", "set", self.device, "up")
        if self.segment.gateway:
            self.ip("route", "replace", "default", "via", self.segment.gateway)
        self.address = str(address)

    def move(self):
        """Another address on the same segment; the old one is gone."""
        self.set_address(self.segment.next_address())
        return self.address

    def count_datagrams(self):
        """From now on sent_and_received() tells how many UDP datagrams the physical interface saw."""
        self.nft(f"""table ip count {{
            counter sent {{}}
            counter received {{}}
            chain out {{ type filter hook postrouting priority 300; oifname {self.device}
                         ip protocol udp counter name sent; }}
            chain in {{ type filter hook prerouting priority -300; iifname {self.device}
                        ip protocol udp counter name received; }}
        }}""")

    def sent_and_received(self):
        done = self.run(have("nft"), "-j", "list", "counters", "table", "ip", "count")
        counters = {item["counter"]["name"]: item["counter"]["packets"]
                    for item in json.loads(done.stdout)["nftables"] if "counter" in item}
        return counters["sent"], counters["received"]


class Segment:
    """A bridge in some namespace and the addresses on it."""

    def __init__(self, space, bridge, subnet, gateway=None, step=1):
        self.space, self.bridge, self.gateway = space, bridge, gateway
        self.subnet = ipaddress.ip_network(subnet)
        self._step, self._given = step, 0
        _ip("-n", space, "link", "add", bridge, "type", "bridge", "forward_delay", "0")
        _ip("-n", space, "link", "set", bridge, "up")
        if gateway is True:
            self.gateway = self.next_address()
            _ip("-n", space, "addr", "add", f"{self.gateway}/{self.subnet.prefixlen}", "dev", bridge)

    def next_address(self):
        self._given += 1
        return self.subnet[1 + (self._given - 1) * self._step]


class Nat(Host):
    """A router with a NAT of one kind between the segment it is attached to and a LAN of its own."""

    def __init__(self, internet, name, kind, outside):
        super().__init__(internet, name)
        self.attach(outside, "wan")
        self.sysctl("net.ipv4.ip_forward=1")
        self.lan = Segment(self.space, "lan", f"192.168.{len(internet.spaces)}.0/24", gateway=True)
        self.kind, self._published = kind, 0
        self.nft(f"""
            table ip nat {{
              chain pre {{ type nat hook prerouting priority dstnat; }}
              chain post {{ type nat hook postrouting priority srcnat; {RULES[kind]}; }}
            }}
            table ip filter {{
              chain in {{ type filter hook input priority filter; policy drop;
                iifname lan accept
                ct state established,related accept; }}
              chain forward {{ type filter hook forward priority filter; policy drop;
                iifname lan accept
                ct status dnat accept
                ct state established,related accept; }}
            }}""")

    def host(self, name):
        host = Host(self.internet, name).attach(self.lan)
        if self.kind == "full-cone":
            if self._published:
                raise AssertionError("a full cone NAT of ours has one host: it gets all ports")
            self._published = 1
            self.nft(f"add rule ip nat pre iifname wan udp dport 1024-65535 dnat to {host.address}")
        return host

    def nat(self, name, kind):
        return Nat(self.internet, name, kind, self.lan)

    def renumber(self):
        """Another address of the outside, as a provider hands out; all mappings are forgotten."""
        self.move()
        self.run(have("conntrack") or "conntrack", "-F")


class Internet:
    """with Internet() as internet: internet.host("a"), internet.nat("r", "symmetric").host("b") …"""

    _count = 0

    def __init__(self):
        Internet._count += 1
        self.number = Internet._count
        self.spaces = []
        self.backbone = None

    def __enter__(self):
        remove_leftovers()
        atexit.register(self.close)
        signal.signal(signal.SIGTERM, _end_orderly)  # how a test that takes too long is ended
        switch = Host(self, "sw")
        # Everybody in a /24 of their own: nodes admit one stranger in two seconds from each.
        self.backbone = Segment(switch.space, "br0", "44.0.0.0/8", step=256)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        while self.spaces:
            _remove(self.spaces.pop())

    def host(self, name):
        return Host(self, name).attach(self.backbone)

    def nat(self, name, kind):
        return Nat(self, name, kind, self.backbone)
