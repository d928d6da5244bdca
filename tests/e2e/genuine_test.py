"""The genuine zerotier-one (path in ZEROTIER_ONE) as a member of our lab, in network namespaces."""
import json
import os
import pathlib
import subprocess
import unittest

from harness import Namespaces, Program, World, have, wait_until

GENUINE = os.environ.get("ZEROTIER_ONE", "")


def why_not():
    if not GENUINE:
        return "ZEROTIER_ONE is not set: no genuine node to talk to"
    if not os.access(GENUINE, os.X_OK):
        return f"ZEROTIER_ONE={GENUINE} cannot be run"
    if not pathlib.Path("/dev/net/tun").exists():
        return "the genuine node needs /dev/net/tun"
    return Namespaces.why_not()


class GenuineNode:
    """A genuine node in a namespace, member of the world's network by its kernel interface."""

    def __init__(self, world, namespaces, host):
        self.space, self.host = namespaces, host
        self.home = world.folder / f"genuine-{host}"
        self.home.mkdir()
        (self.home / "planet").write_bytes(pathlib.Path(world.planet).read_bytes())
        (self.home / "local.conf").write_text(json.dumps({"settings": {
            "portMappingEnabled": False, "allowTcpFallbackRelay": False, "softwareUpdate": "disable",
            "interfacePrefixBlacklist": ["zt"]}}))
        # Meson sets MALLOC_PERTURB_ for its tests; the genuine node stops working with it.
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        self.program = Program([*namespaces.prefix(host), GENUINE, "-U", "-p9993", self.home],
                               world.folder / f"genuine-{host}.log", env)
        world.programs.append(self.program)
        wait_until(lambda: self.cli("info").returncode == 0, "the genuine node answers its command line")
        self.cli("join", world.network)

    def run(self, *arguments, **options):
        return subprocess.run([*self.space.prefix(self.host), *map(str, arguments)], capture_output=True,
                              check=False, timeout=120, **options)

    def cli(self, *arguments):
        return self.run(GENUINE, "-q", f"-D{self.home}", "-p9993", *arguments)

    def network(self):
        done = self.cli("-j", "listnetworks")
        networks = json.loads(done.stdout or b"[]") if done.returncode == 0 else []
        return networks[0] if networks else {}

    def address(self):
        def look():
            for assigned in self.network().get("assignedAddresses", []):
                if ":" not in assigned:
                    return assigned.split("/")[0]
            return None
        return wait_until(look, "the genuine node gets an address", 90)


@unittest.skipIf(why_not(), why_not())
class Genuine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.space = Namespaces("root", "ours", "theirs").__enter__()
        cls.addClassCleanup(cls.space.__exit__)
        cls.world = World(["--bind", f"{cls.space.address('root')}:9993"],
                          cls.space.prefix("root")).__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.theirs = GenuineNode(cls.world, cls.space, "theirs")
        cls.ours = cls.world.node("ours", cls.space.prefix("ours"))
        cls.ours.service()
        cls.site = cls.world.folder / "site"
        cls.site.mkdir()
        (cls.site / "page").write_bytes(os.urandom(2_000_000))

    def fetch_from(self, address, run):
        target = f"http://{address}:8080/page"

        def got():
            done = run("curl", "-sS", "--fail", "--max-time", "60", target)
            return done.returncode == 0 and done.stdout
        return wait_until(got, target, 90)

    def test_joins_through_our_root_and_controller(self):
        self.assertTrue(self.theirs.address())
        self.assertEqual(self.theirs.network()["status"], "OK")

    def test_answers_ping_and_so_do_we_and_curl_works_from_their_side(self):
        theirs, ours = self.theirs.address(), self.ours.address()
        wait_until(lambda: self.theirs.run(have("ping"), "-c1", "-W2", ours).returncode == 0,
                   "our node answers ping")
        done = self.theirs.run(have("ping"), "-c5", "-i0.2", "-W2", ours)
        self.assertEqual(done.returncode, 0, done.stdout)
        server = self.ours.start("python3", "-m", "http.server", "8080", "--directory", self.site)
        self.addCleanup(server.stop)
        server.wait_for_line("Serving HTTP on")
        self.assertEqual(self.fetch_from(ours, self.theirs.run), (self.site / "page").read_bytes())
        self.assertTrue(theirs)

    def test_curl_works_from_our_side(self):
        server = Program([*self.space.prefix("theirs"), "python3", "-u", "-m", "http.server", "8080",
                          "--directory", self.site], self.world.folder / "their-server.log")
        self.addCleanup(server.stop)
        server.wait_for_line("Serving HTTP on")
        self.assertEqual(self.fetch_from(self.theirs.address(), self.ours.run),
                         (self.site / "page").read_bytes())


if __name__ == "__main__":
    unittest.main()
