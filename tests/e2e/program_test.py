"""The ztshim program itself: labs, members, homes, exit codes. No library needed."""
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

from harness import Program, World, ZTSHIM, wait_until


def ztshim(*arguments, timeout=60, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_")}
    env.update(more)
    return subprocess.run([str(ZTSHIM), *map(str, arguments)], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, text=True,
                          check=False)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ztshim-program-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def assert_one_line(self, done, code, *words):
        self.assertEqual(done.returncode, code, done)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)


class Usage(Folder):
    def test_help_and_version(self):
        self.assertEqual(ztshim("--version").stdout.split()[0], "ztshim")
        for command in ("", "run", "lab", "networks", "planet", "identity", "member"):
            done = ztshim(*command.split(), "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage", done.stdout)

    def test_wrong_usage_is_64_and_one_line(self):
        for arguments in ((), ("nonsense",), ("join",), ("join", "12"), ("lab", "--pool", "here"),
                          ("lab", "--bind", "nowhere"), ("networks", "--wait", "-1"), ("run",),
                          ("run", "--egress", "sideways", "--", "true")):
            with self.subTest(arguments):
                self.assert_one_line(ztshim(*arguments, HOME=str(self.folder)), 64)

    def test_a_wrong_variable_is_named(self):
        self.assert_one_line(ztshim("service", ZTSHIM_PORT="many", HOME=str(self.folder)), 64,
                             "ZTSHIM_PORT", "many")


class IdleHome(Folder):
    def test_join_networks_leave_work_on_the_files(self):
        home, network = self.folder / "home", "8056c2e21c000001"
        self.assertEqual(ztshim("join", "--home", home, network).returncode, 0)
        self.assertEqual(mode(home), 0o700)
        listed = json.loads(ztshim("networks", "--home", home, "--json").stdout)
        self.assertEqual([n["id"] for n in listed], [network])
        self.assertEqual(listed[0]["addresses"], [])
        self.assert_one_line(ztshim("networks", "--home", home, "--wait", "0"), 1, network)
        self.assertEqual(ztshim("leave", "--home", home, network).returncode, 0)
        self.assertEqual(json.loads(ztshim("networks", "--home", home, "--json").stdout), [])

    def test_looking_creates_nothing(self):
        home = self.folder / "home"
        self.assert_one_line(ztshim("status", "--home", home), 1, str(home))
        self.assertFalse(home.exists())

    def test_identity_new_show_validate(self):
        home = self.folder / "home"
        made = ztshim("identity", "new", "--home", home)
        self.assertEqual(made.returncode, 0, made.stderr)
        address = made.stdout.strip()
        self.assertRegex(address, "^[0-9a-f]{10}$")
        self.assertEqual(mode(home / "identity.secret"), 0o600)
        shown = ztshim("identity", "show", "--home", home).stdout
        self.assertTrue(shown.startswith(address + ":0:"))
        self.assertNotIn((home / "identity.secret").read_text().split(":")[3], shown)
        self.assertEqual(ztshim("identity", "validate", "--home", home).returncode, 0)
        other = self.folder / "other"
        other.write_text("%010x" % (int(address, 16) ^ 1) + shown[10:])
        self.assert_one_line(ztshim("identity", "validate", other), 1, "does not follow")
        again = ztshim("identity", "new", "--home", home)
        self.assert_one_line(again, 1, address)
        status = json.loads(ztshim("status", "--home", home, "--json").stdout)
        self.assertEqual((status["address"], status["online"]), (address, False))

    def test_a_damaged_identity_is_kept_and_reported(self):
        home = self.folder / "home"
        home.mkdir()
        (home / "identity.secret").write_text("cafe:0:rubbish")
        self.assert_one_line(ztshim("service", "--home", home), 1, "identity.secret.damaged")
        self.assertEqual((home / "identity.secret.damaged").read_text(), "cafe:0:rubbish")


class Planets(Folder):
    def test_make_show_and_sign(self):
        home = self.folder / "root"
        self.assertEqual(ztshim("identity", "new", "--home", home).returncode, 0)
        planet, key = self.folder / "planet", self.folder / "key"
        root = f"{home}/identity.public"
        made = ztshim("planet", "make", "--root", f"{root}=192.0.2.1/9993", "--key", key, "--out", planet)
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertEqual(mode(key), 0o600)
        first = json.loads(ztshim("planet", "show", planet, "--json").stdout)
        self.assertEqual(first["roots"][0]["stableEndpoints"], ["192.0.2.1/9993"])
        self.assertTrue(first["signedByItsOwnKey"])
        signed = ztshim("planet", "sign", planet, "--root", f"{root}=192.0.2.2/9993,2001:db8::1/9993",
                        "--key", key, "--out", planet)
        self.assertEqual(signed.returncode, 0, signed.stderr)
        second = json.loads(ztshim("planet", "show", planet, "--json").stdout)
        self.assertEqual(second["id"], first["id"])
        self.assertGreater(second["timestamp"], first["timestamp"])
        self.assertEqual(len(second["roots"][0]["stableEndpoints"]), 2)

    def test_a_strange_key_may_not_sign(self):
        home = self.folder / "root"
        ztshim("identity", "new", "--home", home)
        for name in ("a", "b"):
            ztshim("planet", "make", "--root", f"{home}/identity.public=192.0.2.1/9993",
                   "--key", self.folder / f"key-{name}", "--out", self.folder / name)
        self.assert_one_line(ztshim("planet", "sign", self.folder / "a", "--key", self.folder / "key-b",
                                    "--out", self.folder / "a"), 1, "may not sign")


class Run(Folder):
    """Without a network there is nothing to host: what is left is the shell's part."""

    def run_program(self, *words):
        return ztshim("run", "--home", self.folder / "home", "--", *words)

    def test_exit_status_and_signals_are_the_programs(self):
        self.assertEqual(self.run_program("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.run_program("sh", "-c", "kill -9 $$").returncode, 128 + 9)
        self.assertEqual(self.run_program("true").returncode, 0)

    def test_what_cannot_be_started(self):
        self.assert_one_line(self.run_program("no-such-program"), 127, "no-such-program")
        self.assert_one_line(self.run_program(self.folder), 126)

    def test_the_environment_and_the_arguments(self):
        done = self.run_program("sh", "-c", 'echo "$ZTSHIM_HOME|$LD_PRELOAD|$1"', "-", "--x y")
        home, preload, argument = done.stdout.strip().split("|")
        self.assertEqual(home, str(self.folder / "home"))
        self.assertTrue(preload.split(":")[0].endswith("/libztshim.so"))
        self.assertEqual(argument, "--x y")

    def test_a_signal_is_passed_on(self):
        program = Program([ZTSHIM, "run", "--home", self.folder / "home", "--", "sh", "-c",
                           "trap 'echo got it; exit 5' TERM; echo up; while :; do sleep 0.05; done"],
                          self.folder / "log")
        program.wait_for_line("up")
        self.assertEqual(program.stop(signal.SIGTERM), 5)
        self.assertIn("got it", program.output())

    def test_it_stops_and_goes_on_with_the_program(self):
        # In a process group of its own: what a job-control shell does, and TSTP works only there.
        process = subprocess.Popen([ZTSHIM, "run", "--home", self.folder / "home", "--", "sh", "-c",
                                    "kill -TSTP $$; exit 4"], preexec_fn=os.setpgrp)
        self.addCleanup(process.kill)
        state = lambda: pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        wait_until(lambda: state() == "T", "the stop of `ztshim run`")
        process.send_signal(signal.SIGCONT)
        self.assertEqual(process.wait(20), 4)

    def test_it_ends_with_the_last_of_the_tree(self):
        program = Program([ZTSHIM, "run", "--home", self.folder / "home", "--", "sh", "-c",
                           f"(while [ ! -e {self.folder}/go ]; do sleep 0.05; done; echo last) & exit 3"],
                          self.folder / "log")
        self.addCleanup(program.stop)
        # The program itself ends at once; only its child is left.
        wait_until(lambda: "sh" in self.children(program), "the orphan to become ours")
        self.assertTrue(program.is_running())
        (self.folder / "go").touch()
        self.assertEqual(program.process.wait(20), 3)
        self.assertIn("last", program.output())

    @staticmethod
    def children(program):
        pid = program.process.pid
        names = []
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            try:
                names.append(pathlib.Path(f"/proc/{child}/comm").read_text().strip())
            except OSError:
                pass
        return names

    def test_it_does_the_duties_of_process_1(self):
        """In a pid namespace: orphans are taken in, and the program's status is the namespace's."""
        if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no pid namespaces here")
        done = subprocess.run(
            ["unshare", "-pf", "--mount-proc", str(ZTSHIM), "run", "--home", self.folder / "home", "--", "sh", "-c",
             # Twenty orphans; the last look finds none of them left as a zombie.
             "for i in $(seq 20); do (true & true) & done; wait; cat /proc/1/comm; "
             "while grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do :; done; exit 6"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout.splitlines()[0]), (6, "ztshim"), done)

    def test_process_1_passes_signals_on(self):
        if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no pid namespaces here")
        program = Program(["unshare", "-pf", "--mount-proc", "--kill-child=KILL", ZTSHIM, "run", "--home",
                           self.folder / "home", "--", "sh", "-c",
                           "trap 'echo got it; exit 5' TERM; echo up; while :; do sleep 0.05; done"],
                          self.folder / "log")
        program.wait_for_line("up")
        parent = program.process.pid
        first = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0]
        os.kill(int(first), signal.SIGTERM)
        self.assertEqual(program.process.wait(20), 5)
        self.assertIn("got it", program.output())

    def test_an_ephemeral_home_is_gone_afterwards(self):
        done = ztshim("run", "--ephemeral", "--", "sh", "-c", "echo $ZTSHIM_HOME; test -d $ZTSHIM_HOME")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(pathlib.Path(done.stdout.strip()).exists())


class Lab(Folder):
    def test_a_member_in_another_home_gets_an_address(self):
        with World() as world:
            self.assertEqual(mode(world.folder / "lab/planet.key"), 0o600)
            self.assertEqual(mode(world.folder / "lab/identity.secret"), 0o600)
            self.assertEqual(mode(world.folder / "lab/service.sock"), 0o600)
            env = subprocess.run(["sh", "-c", f". {world.folder}/lab/env; echo $ZTSHIM_PLANET $ZTSHIM_NETWORK"],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout.split()
            self.assertEqual(env, [world.planet, world.network])
            node = world.node("member")
            service = node.service()
            self.assertTrue(node.address().startswith("10.147.17."), node.address())
            status = json.loads(node.ztshim("status", "--json").stdout)
            self.assertTrue(status["online"])
            self.assertEqual(status["networks"][0]["status"], "OK")
            self.assertEqual(status["networks"][0]["routes"][0]["target"], "10.147.17.0/24")
            lab_address = json.loads(ztshim("status", "--home", world.folder / "lab", "--json").stdout)["address"]
            peers = json.loads(node.ztshim("peers", "--json").stdout)
            self.assertIn(lab_address, [p["address"] for p in peers])
            # The world stays on loopback: that is the only address the root can be reached at.
            self.assertEqual([p["address"].split("/")[0] for peer in peers for p in peer["paths"]
                              if peer["address"] == lab_address], ["127.0.0.1"])
            self.assertEqual(node.ztshim("leave", world.network).returncode, 0)
            self.assertEqual(json.loads(node.ztshim("networks", "--json").stdout), [])
            self.assertEqual(node.ztshim("join", world.network).returncode, 0)
            node.address()
            self.assertEqual(service.stop(signal.SIGINT), 0)

    def test_a_second_start_gives_the_same_world(self):
        with World() as world:
            member = world.node("member")
            service = member.service()
            address = member.address()
            first = (world.network, world.planet, pathlib.Path(world.planet).read_bytes())
            self.assertEqual(world.lab.stop(signal.SIGINT), 0)
            self.assertFalse((world.folder / "lab/service.sock").exists())
            world.start_lab()
            self.assertEqual((world.network, world.planet, pathlib.Path(world.planet).read_bytes()), first)
            self.assertEqual(service.stop(), 0)
            member.service()
            self.assertEqual(member.address(), address)

    def test_a_killed_lab_comes_back_as_the_same_world(self):
        with World() as world:
            first = (world.network, pathlib.Path(world.planet).read_bytes())
            world.lab.stop(signal.SIGKILL)
            self.assertTrue((world.folder / "lab/service.sock").exists(), "nobody cleaned up")
            world.start_lab()
            self.assertEqual((world.network, pathlib.Path(world.planet).read_bytes()), first)
            member = world.node("member")
            member.service()

    def test_a_home_with_a_very_long_path(self):
        with World() as world:
            member = world.node("/".join("deep-folder-%02d" % i for i in range(12)))
            self.assertGreater(len(str(member.home)), 108)
            member.home.parent.mkdir(parents=True)
            program = Program([ZTSHIM, "service", "--home", member.home], world.folder / "long.log", member.env())
            world.programs.append(program)
            self.assertTrue(member.address())

    def test_root_controller_and_member_are_three_nodes(self):
        root_home, controller_home = self.folder / "root", self.folder / "controller"

        def start(name, *arguments):
            program = Program([ZTSHIM, name, *arguments], self.folder / f"{name}.log")
            self.addCleanup(program.stop)
            program.wait_for_line("ready ")
            line = next(l for l in program.output().splitlines() if l.startswith("ready "))
            return dict(word.split("=", 1) for word in line.split()[1:])

        root = start("root", "--home", root_home, "--bind", "127.0.0.1", "--port", "0")
        facts = start("controller", "--home", controller_home, "--planet", root["planet"],
                      "--bind", "127.0.0.1", "--pool", "10.20.0.0/16")
        self.assertNotEqual(root["root"], facts["controller"])
        self.assertTrue(facts["network"].startswith(facts["controller"]))
        member = self.folder / "member"
        env = {**os.environ, "ZTSHIM_PLANET": root["planet"], "ZTSHIM_NETWORK": facts["network"]}
        service = Program([ZTSHIM, "service", "--home", member], self.folder / "member.log", env)
        self.addCleanup(service.stop)
        done = ztshim("networks", "--home", member, "--wait", "60", "--json", timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(json.loads(done.stdout)[0]["addresses"][0].startswith("10.20."))

    def test_one_directory_is_one_lab(self):
        with World() as world:
            self.assert_one_line(ztshim("lab", "--home", world.folder / "lab"), 1, "in use")

    def test_an_occupied_port_is_named(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            self.assert_one_line(ztshim("lab", "--home", self.folder / "lab", "--bind", f"127.0.0.1:{port}"), 1,
                                 f"127.0.0.1:{port}", "in use")

    def test_a_private_network_admits_whom_its_owner_authorizes(self):
        with World(["--private"]) as world:
            node = world.node("member")
            service = Program([ZTSHIM, "service", "--home", node.home], world.folder / "service.log", node.env())
            world.programs.append(service)

            def refused():
                done = node.ztshim("networks", "--json")
                networks = json.loads(done.stdout) if done.returncode == 0 else []
                return networks and networks[0]["status"] == "ACCESS_DENIED"

            wait_until(refused, "the refusal of an unknown member")
            self.assertEqual(node.ztshim("networks", "--wait", "0").returncode, 1)
            address = json.loads(node.ztshim("status", "--json").stdout)["address"]
            lab = world.folder / "lab"
            members = json.loads(ztshim("member", "list", "--home", lab, world.network, "--json").stdout)
            self.assertEqual([(m["id"], m["authorized"]) for m in members], [(address, False)])
            done = ztshim("member", "authorize", "--home", lab, world.network, address)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            node.address()
            stranger = ztshim("member", "authorize", "--home", lab, "8056c2e21c000001", address)
            self.assert_one_line(stranger, 1, "8056c2e21c000001")

    def test_another_pool(self):
        with World(["--pool", "172.30.5.0/28"]) as world:
            node = world.node("member")
            node.service()
            self.assertTrue(node.address().startswith("172.30.5."), node.address())


if __name__ == "__main__":
    unittest.main()
