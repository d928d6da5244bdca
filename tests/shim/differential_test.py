"""Each scenario of programs/ runs three times: on the kernel's loopback, at a node's own addresses on a lab network,
and on a virtual loopback (ZTSHIM_LOOPBACK), which needs no network.
The lines it prints must be the same. What is allowed to differ stands here, with the reason."""
import difflib
import json
import subprocess
import unittest

from harness import BUILD, World

SCENARIOS = BUILD / "tests" / "shim" / "shim_scenarios"

# scenario -> {line on the kernel: line on the overlay}. interposition 14 and docs/fd-contract.md.
DEVIATIONS = {
    # The reset that answers a write after the peer's FIN is shown by the pair; TCP has read the end before it.
    "end-peer-closes": {"read: 0 ": "read: -1 ECONNRESET"},
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
    expected = [allowed.get(line, line) for line in kernel]
    seen = overlay.stdout.decode().splitlines()
    difference = "\n".join(difflib.unified_diff(expected, seen, "kernel", "overlay", lineterm="", n=9))
    self.assertEqual(difference, "", f"\n{difference}\n{overlay.stderr.decode()}")
    self.assertEqual(overlay.returncode, 0)


for scenario in names():
    for place in (Differential.on_network, Differential.on_virtual_loopback):
        test = f"test_{scenario}_{place.__name__}".replace("-", "_").replace("@", "_over_")
        setattr(Differential, test, lambda self, name=scenario, place=place: compare(self, name, place))
