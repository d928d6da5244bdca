"""Each scenario of programs/ runs three times: on the kernel's loopback, at a node's own addresses on a lab network,
and on a virtual loopback (ZTSHIM_LOOPBACK), which needs no network.
The lines it prints must be the same. What is allowed to differ stands here, with the reason."""
import difflib
import json
import subprocess
import unittest

from harness import BUILD, World

SCENARIOS = BUILD / "tests" / "shim" / "shim_scenarios"

# scenario -> {line on the kernel: line on the overlay}; each has its row and reason in docs/differences.md.
DEVIATIONS = {
    "fresh-calls": {"poll: OUT HUP": "poll: OUT"},
    "fresh-calls-blocking": {"poll: OUT HUP": "poll: OUT"},
    "fresh-epoll": {"events: OUT HUP": "events: OUT"},
    "fresh-dissolved": {"poll: OUT HUP": "poll: OUT", "read: -1 ECONNRESET": "read: -1 ENOTCONN"},
    "fresh-shut-while-connecting": {"poll: OUT ERR HUP": "poll: IN OUT ERR HUP RDHUP"},
    "fresh-to-itself": {"connect: 0": "connect: -1 ECONNREFUSED", "write: 4": "write: -1 EPIPE",
                        "read: 4 echo": "read: -1 ENOTCONN"},
    "reset-told-by-write": {"SIGPIPE: 0": "SIGPIPE: 1", "SIGPIPE: 1": "SIGPIPE: 2"},
    "call-urgent": {"send: 1": "send: -1 EOPNOTSUPP"},
    "datagram-shutdown-both": {"poll: IN OUT HUP RDHUP": "poll: IN OUT RDHUP"},
    "end-linger-of-another": {"waits: 1": "waits: 0"},
    "wait-restarted-beside-another": {"connect: 0": "connect: -1 EINTR"},
    "datagram-refused-poll": {"poll: OUT ERR": "poll: IN OUT"},
    "option-error-queue": {"IP_RECVERR: 0": "IP_RECVERR: -1 ENOPROTOOPT"},
}


def names():
    return subprocess.run([SCENARIOS, "--list"], check=True, capture_output=True, text=True).stdout.split()


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World(["--pool6", "rfc4193"]).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.node = cls.world.node("node")
        cls.node.service()
        cls.address = cls.node.address()
        cls.address6 = next(a.split("/")[0] for network in json.loads(cls.node.ztshim("networks", "--json").stdout)
                            for a in network["addresses"] if ":" in a)
        cls.alone = cls.world.node("alone")
        cls.kernel = {}  # scenario -> what it prints there
        cls.deviating = set()

    @classmethod
    def tearDownClass(cls):
        datagrams = [name for name in cls.kernel if name.startswith("datagram")]
        lines = {name: len(seen) for name, seen in cls.kernel.items()}
        print(f"# {len(lines)} programs, {sum(lines.values())} observations ({sum(lines[n] for n in lines if n not in datagrams)} of "
              f"streams) on the kernel and on the overlay; {len(cls.deviating)} programs with differences that docs/differences.md lists", flush=True)

    def on_kernel(self, name):
        if name not in self.kernel:
            done = subprocess.run([SCENARIOS, "127.0.0.1", "::1", name], capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.kernel[name] = done.stdout.splitlines()
        return self.kernel[name]

    def on_network(self, name):
        return self.node.run(SCENARIOS, self.address, self.address6, name, timeout=60)

    def on_virtual_loopback(self, name):
        return self.alone.run(SCENARIOS, "127.0.0.1", "::1", name, timeout=60, ZTSHIM_LOOPBACK="virtual", ZTSHIM_NETWORK="")


def compare(self, name, place):
    kernel = self.on_kernel(name)
    overlay = place(self, name)
    allowed = DEVIATIONS.get(name.removesuffix("@6"), {})
    for line in allowed:
        self.assertIn(line, kernel, "a deviation that is none")
        self.deviating.add(name)
    expected = [allowed.get(line, line) for line in kernel]
    seen = overlay.stdout.decode().splitlines()
    difference = "\n".join(difflib.unified_diff(expected, seen, "kernel", "overlay", lineterm="", n=9))
    self.assertEqual(difference, "", f"\n{difference}\n{overlay.stderr.decode()}")
    self.assertEqual(overlay.returncode, 0)


for scenario in names():
    for place in (Differential.on_network, Differential.on_virtual_loopback):
        test = f"test_{scenario}_{place.__name__}".replace("-", "_").replace("@", "_over_")
        setattr(Differential, test, lambda self, name=scenario, place=place: compare(self, name, place))
