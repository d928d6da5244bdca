"""One home, two programs: the genuine zerotier-one and ours take turns on the same directory."""
import json
import os
import pathlib
import signal
import subprocess
import unittest

from genuine_test import GENUINE, why_not
from harness import ZTSHIM, Namespaces, Program, World, wait_until


@unittest.skipIf(why_not(), why_not())
class Homes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = Namespaces("root", "node").__enter__()
        cls.addClassCleanup(cls.space.__exit__)
        cls.world = World(["--bind", f"{cls.space.address('root')}:9993"],
                          cls.space.prefix("root")).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.count = 0

    def launch(self, *command, env=None):
        type(self).count += 1
        program = Program([*self.space.prefix("node"), *command],
                          self.world.folder / f"home-{self.count}.log", env)
        self.world.programs.append(program)
        return program

    def new_home(self, name):
        home = self.world.folder / name
        home.mkdir()
        (home / "planet").write_bytes(pathlib.Path(self.world.planet).read_bytes())
        (home / "local.conf").write_text(json.dumps({"settings": {
            "portMappingEnabled": False, "allowTcpFallbackRelay": False, "softwareUpdate": "disable",
            "interfacePrefixBlacklist": ["zt"]}}))
        return home

    def ask(self, *command):
        done = subprocess.run([*self.space.prefix("node"), *map(str, command)], capture_output=True,
                              check=False, timeout=120)
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def genuine(self, home):
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        program = self.launch(GENUINE, "-U", "-p9993", home, env=env)
        wait_until(lambda: self.genuine_says(home, "info"), "the genuine node answers")
        return program

    def genuine_says(self, home, *words):
        return self.ask(GENUINE, "-q", f"-D{home}", "-p9993", "-j", *words)

    def genuine_addresses(self, home):
        networks = self.genuine_says(home, "listnetworks") or [{}]
        return [n.get("assignedAddresses") for n in networks if n.get("nwid") == self.world.network]

    def ours(self, home):
        env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_")}
        program = self.launch(ZTSHIM, "service", "--home", home, "--port", "9993", "--no-api", env=env)
        wait_until(lambda: (self.ask(ZTSHIM, "status", "--home", home, "--json") or {}).get("online"),
                   "our node is online")
        return program

    def our_addresses(self, home):
        networks = self.ask(ZTSHIM, "networks", "--home", home, "--json") or []
        return [n["addresses"] for n in networks if n["id"] == self.world.network]

    def stop(self, program):
        # The genuine node's own exit status says nothing: 1.14.1 ends in an abort after it has stopped.
        status = program.stop(signal.SIGTERM)
        if GENUINE not in program.arguments:
            self.assertEqual(status, 0, program.output())

    def test_a_genuine_home_is_ours_and_theirs_again(self):
        home = self.new_home("theirs")
        node = self.genuine(home)
        self.genuine_says(home, "join", self.world.network)
        wait_until(lambda: any(self.genuine_addresses(home)), "the genuine node has an address")
        address = self.genuine_says(home, "info")["address"]
        assigned = self.genuine_addresses(home)
        self.stop(node)
        records = sorted(p.name for p in (home / "peers.d").iterdir())
        self.assertTrue(records)

        node = self.ours(home)
        status = self.ask(ZTSHIM, "status", "--home", home, "--json")
        self.assertEqual(status["address"], address)
        self.assertEqual(status["physical"]["primaryPort"], 9993)
        wait_until(lambda: self.our_addresses(home) == assigned, "the same addresses")
        self.assertTrue((self.ask(ZTSHIM, "peers", "--home", home, "--json")))
        self.assertEqual([p.name for p in home.rglob("*.damaged*")], [])
        self.stop(node)

        node = self.genuine(home)
        self.assertEqual(self.genuine_says(home, "info")["address"], address)
        wait_until(lambda: self.genuine_addresses(home) == assigned, "the genuine node is where it was")
        self.stop(node)

    def test_our_home_is_theirs(self):
        home = self.new_home("ours")
        subprocess.run([ZTSHIM, "join", "--home", home, self.world.network], check=True, timeout=60)
        node = self.ours(home)
        wait_until(lambda: any(self.our_addresses(home)), "our node has an address")
        address = self.ask(ZTSHIM, "status", "--home", home, "--json")["address"]
        assigned = self.our_addresses(home)
        self.stop(node)
        self.assertTrue(list((home / "peers.d").glob("*.peer")))

        node = self.genuine(home)
        self.assertEqual(self.genuine_says(home, "info")["address"], address)
        wait_until(lambda: self.genuine_addresses(home) == assigned, "the same addresses")
        self.stop(node)


if __name__ == "__main__":
    unittest.main()
