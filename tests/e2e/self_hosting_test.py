"""docs/self-hosting.md as it is typed: two roots, planets and their revisions, moons, local.conf."""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest

from harness import ZTSHIM, Program, wait_until


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SelfHosting(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ztshim-hosting-"))
        self.programs = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_")}

    def tearDown(self):
        for program in reversed(self.programs):
            program.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ztshim(self, *arguments, status=0):
        done = subprocess.run([ZTSHIM, *map(str, arguments)], cwd=self.folder, env=self.env, timeout=120,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout if status == 0 else done.stderr

    def facts(self, *arguments):
        return json.loads(self.ztshim(*arguments, "--json"))

    def identity(self, name):
        return self.ztshim("identity", "new", "--home", name).strip()

    def start(self, name, *arguments):
        program = Program([ZTSHIM, *map(str, arguments)], self.folder / f"{name}-{len(self.programs)}.log",
                          self.env, cwd=self.folder)
        self.programs.append(program)
        return program

    def root(self, name, port):
        program = self.start(name, "root", "--home", name, "--bind", f"127.0.0.1:{port}", "--no-api")
        program.wait_for_line("ready root=")
        return program

    def service(self, name):
        program = self.start(name, "service", "--home", name, "--no-api")
        wait_until(lambda: self.facts("status", "--home", name).get("running"), f"{name} runs")
        return program

    def roles(self, name):
        return {peer["address"]: peer["role"] for peer in self.facts("peers", "--home", name)}

    def is_online(self, name):
        return self.facts("status", "--home", name)["online"]

    def two_roots(self):
        self.one, self.two, _ = (self.identity(name) for name in ("one", "two", "member"))
        self.ports = [free_port(), free_port()]
        self.ztshim("planet", "make", "--root", f"one/identity.public=127.0.0.1/{self.ports[0]}",
                    "--root", f"two/identity.public=127.0.0.1/{self.ports[1]}")
        for name in ("one", "two", "member"):
            self.ztshim("planet", "use", "planet", "--home", name)

    def test_either_of_two_roots_may_stop(self):
        self.two_roots()
        first, _ = self.root("one", self.ports[0]), self.root("two", self.ports[1])
        member = self.service("member")
        wait_until(lambda: self.is_online("member"), "the member is online")
        self.assertEqual(self.roles("member"), {self.one: "PLANET", self.two: "PLANET"})
        first.stop()
        member.stop()
        self.service("member")
        wait_until(lambda: self.is_online("member"), "the member finds the other root")

    def test_roots_hand_out_the_next_revision_of_the_planet(self):
        self.two_roots()
        self.root("one", self.ports[0]), self.root("two", self.ports[1])
        member = self.service("member")
        wait_until(lambda: self.is_online("member"), "the member is online")
        three = self.identity("three")
        port = free_port()
        revised = self.facts("planet", "sign", "planet", "--out", "planet.new",
                             "--root", f"one/identity.public=127.0.0.1/{self.ports[0]}",
                             "--root", f"three/identity.public=127.0.0.1/{port}")
        self.ztshim("planet", "use", "planet.new", "--home", "three")
        self.root("three", port)
        self.ztshim("planet", "use", "planet.new", "--home", "one")
        # The member learns of it when it greets that root: now, to save minutes, by a new start.
        member.stop()
        self.service("member")
        wait_until(lambda: self.facts("planet", "show", "--home", "member")["timestamp"]
                   == revised["timestamp"], "the member keeps the revision")
        wait_until(lambda: self.roles("member").get(three) == "PLANET", "the member knows the new root")

    def test_a_running_node_refuses_another_planet(self):
        self.two_roots()
        self.service("member")
        self.ztshim("planet", "make", "--key", "other.key", "--out", "other",
                    "--root", f"one/identity.public=127.0.0.1/{self.ports[0]}")
        said = self.ztshim("planet", "use", "other", "--home", "member", status=1)
        self.assertIn("not a newer revision", said)
        self.assertEqual(said.count("\n"), 1)

    def test_a_moon_is_had_from_its_root(self):
        self.two_roots()
        self.root("one", self.ports[0]), self.root("two", self.ports[1])
        relay = self.identity("relay")
        self.ztshim("planet", "use", "planet", "--home", "relay")
        port = free_port()
        moon = self.facts("moon", "make", "--root", f"relay/identity.public=127.0.0.1/{port}")
        self.assertEqual(moon["id"], "000000" + relay)
        self.ztshim("moon", "orbit", moon["id"] + ".moon", "--home", "relay")
        self.start("relay", "service", "--home", "relay", "--bind", f"127.0.0.1:{port}", "--no-api")
        wait_until(lambda: self.is_online("relay"), "the moon's root is online")
        self.assertEqual([m["id"] for m in self.facts("moon", "list", "--home", "relay")], [moon["id"]])
        self.service("member")
        wait_until(lambda: self.is_online("member"), "the member is online")
        self.ztshim("moon", "orbit", relay, "--home", "member")
        wait_until(lambda: self.roles("member").get(relay) == "MOON", "the moon has come", 120)
        stored = self.folder / "member" / "moons.d" / f"{moon['id']}.moon"
        wait_until(stored.exists, "the moon is kept")
        self.assertEqual(stored.read_bytes(), (self.folder / f"{moon['id']}.moon").read_bytes())
        self.ztshim("moon", "deorbit", relay, "--home", "member")
        wait_until(lambda: not stored.exists(), "the moon is forgotten")
        self.assertEqual(self.facts("moon", "list", "--home", "member"), [])
        self.assertNotEqual(self.roles("member").get(relay), "MOON")

    def test_local_conf_is_read_again_and_a_wrong_one_changes_nothing(self):
        self.two_roots()
        self.root("one", self.ports[0])
        conf = self.folder / "member" / "local.conf"
        conf.write_text('{"settings": {"primaryPort": "nine"}}')
        said = self.ztshim("service", "--home", "member", "--no-api", status=1)
        self.assertIn("settings.primaryPort", said)
        self.assertEqual((said.count("\n"), said.count("ztshim:")), (1, 1), said)
        first, second = free_port(), free_port()
        conf.write_text(json.dumps({"settings": {"primaryPort": first}}))
        member = self.service("member")

        def port():
            return self.facts("status", "--home", "member")["physical"]["primaryPort"]
        self.assertEqual(port(), first)
        conf.write_text('{"settings": {"primaryPort": 70000}}')
        member.wait_for_line("70000")
        self.assertEqual(port(), first)
        conf.write_text(json.dumps({"settings": {"primaryPort": second}}))
        wait_until(lambda: port() == second, "the new port is used")
        wait_until(lambda: self.is_online("member"), "the member is online from there")

    def test_without_a_planet_the_built_in_one_is_shown(self):
        self.assertEqual(self.facts("planet", "show", "--home", "nowhere")["id"], f"{149604618:016x}")


if __name__ == "__main__":
    unittest.main()
