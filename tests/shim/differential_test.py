"""Each scenario of programs/ runs twice: on kernel loopback, and at a node's own addresses on a lab network.
The lines it prints must be the same. What is allowed to differ stands here, with the reason."""
import difflib
import json
import subprocess
import unittest

from harness import BUILD, World

SCENARIOS = BUILD / "tests" / "shim" / "shim_scenarios"

# scenario -> {line on loopback: line on the overlay}. interposition 14 and docs/fd-contract.md.
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


def compare(self, name):
    kernel = subprocess.run([SCENARIOS, "127.0.0.1", "::1", name], capture_output=True, text=True, timeout=60, check=False)
    self.assertEqual(kernel.returncode, 0, kernel.stderr)
    overlay = self.node.run(SCENARIOS, self.address, self.address6, name, timeout=60)
    allowed = DEVIATIONS.get(name.removesuffix("@6"), {})
    expected = [allowed.get(line, line) for line in kernel.stdout.splitlines()]
    seen = overlay.stdout.decode().splitlines()
    difference = "\n".join(difflib.unified_diff(expected, seen, "loopback", "overlay", lineterm="", n=9))
    self.assertEqual(difference, "", f"\n{difference}\n{overlay.stderr.decode()}")
    self.assertEqual(overlay.returncode, 0)


for scenario in names():
    setattr(Differential, "test_" + scenario.replace("-", "_").replace("@", "_over_"), lambda self, name=scenario: compare(self, name))
