"""Nodes of both makes with one face, for scenarios that mix them.

A Scene is a folder with the homes, logs and programs of one private world: its planet, its network, its
members. OurMember runs `ztshim service` and programs under the shim; TheirMember runs the genuine
zerotier-one (ZEROTIER_ONE) and plain programs over its kernel interface. Both answer the same questions.
"""
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import internet
from harness import LIBRARY, ZTSHIM, Program, have, wait_until
from feed import drip

GENUINE = os.environ.get("ZEROTIER_ONE", "")
OLD = os.environ.get("ZEROTIER_ONE_OLD", "")
PORT = 9993


def why_not(binary=GENUINE, variable="ZEROTIER_ONE"):
    """The reason why scenarios with this genuine binary cannot run here, or None."""
    if not binary:
        return f"{variable} is not set: no genuine node to talk to"
    if not os.access(binary, os.X_OK):
        return f"{variable}={binary} cannot be run"
    if not pathlib.Path("/dev/net/tun").exists():
        return "the genuine node needs /dev/net/tun"
    return internet.why_not()


class Scene:
    """One private world: who is root, what the network is called, which programs run."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="ztshim-e2e-"))
        self.planet = self.folder / "planet"
        self.network = None
        self.programs, self.members = [], []
        self.site = self.folder / "site"
        self.site.mkdir()
        (self.site / "page").write_bytes(os.urandom(20_000))

    def __enter__(self):
        return self

    def ours(self, host, **options):
        return self._added(OurMember(self, host, **options))

    def theirs(self, host, **options):
        return self._added(TheirMember(self, host, **options))

    def _added(self, member):
        self.members.append(member)
        return member

    def make_planet(self, *roots):
        """The world whose roots are these members, at their present addresses."""
        listed = [part for root in roots for part in
                  ("--root", f"{root.home}/identity.public={root.host.address}/{PORT}")]
        subprocess.run([ZTSHIM, "planet", "make", *map(str, listed), "--key", self.folder / "planet.key",
                        "--out", self.planet], check=True, stdout=subprocess.DEVNULL)

    def start(self, command, log, env=None, **options):
        program = Program(command, self.folder / f"{log}.log", env, **options)
        self.programs.append(program)
        return program

    def __exit__(self, kind, value, trace):
        trouble = []
        try:
            for program in reversed(self.programs):
                try:
                    program.stop()
                except AssertionError as stayed:
                    trouble.append(str(stayed))
            if kind or trouble or os.environ.get("ZTSHIM_E2E_FAILED"):
                self.tell()
        finally:
            if os.environ.get("KEEP") != "1":
                shutil.rmtree(self.folder, ignore_errors=True)
        if trouble and not kind:
            raise AssertionError("; ".join(trouble))

    def tell(self):
        """The ends of all logs, for whoever looks for the reason of a failure."""
        for log in sorted(self.folder.glob("*.log")):
            print(f"# --- {log.name}")
            for line in log.read_text(errors="replace").splitlines()[-25:]:
                print("#", line)


class Flow:
    """One unmodified curl on one TCP connection that brings something ten times a second."""

    def __init__(self, client, server, seconds):
        self.name = f"{client.name} is fed by {server.name}"
        self.expected = b"".join(drip(seconds))
        self.target = client.scene.folder / f"{client.name}-{next(client.numbers)}.out"
        self.program = client.start("curl", "-sS", "-N", "--fail", "-o", self.target,
                                    f"http://{server.address()}:8080/drip/{seconds}")
        self.longest_pause, self._size, self._when = 0.0, 0, time.monotonic()

    def is_running(self):
        """Notes how long nothing came, too: ask often."""
        now, size = time.monotonic(), self.target.stat().st_size if self.target.exists() else 0
        if self._size:
            self.longest_pause = max(self.longest_pause, now - self._when)
        if size > self._size:
            self._size, self._when = size, now
        return self.program.is_running()

    def begins(self):
        wait_until(lambda: self.is_running() and self._size, f"{self.name}: the first byte")
        return self

    @staticmethod
    def all_end_well(flows, limit=180):
        wait_until(lambda: not any([flow.is_running() for flow in flows]),
                   f"{', '.join(flow.name for flow in flows)}: end", limit)
        for flow in flows:
            if flow.program.process.returncode != 0:
                raise AssertionError(f"{flow.name}: {flow.program.output()}")
            if flow.target.read_bytes() != flow.expected:
                raise AssertionError(f"{flow.name}: other bytes arrived")


class Member:
    """What both makes have: a home, an identity, a place in the internet, programs on the network."""

    def __init__(self, scene, host):
        self.scene, self.host = scene, host
        self.name = host.name
        self.home = scene.folder / self.name
        self.home.mkdir(mode=0o700)
        self.numbers = itertools.count(1)  # of its programs; several threads may start some
        self.node = None  # the running program

    def _env(self):
        # Meson sets MALLOC_PERTURB_ for its tests; the genuine node stops working with it.
        return {k: v for k, v in os.environ.items()
                if not k.startswith("ZTSHIM_") and k not in ("LD_PRELOAD", "MALLOC_PERTURB_")}

    @property
    def id(self):
        return (self.home / "identity.public").read_text().split(":")[0]

    def path_to(self, other):
        """Where this node sends what is for the other one, "IP/port"; None while that is relayed."""
        for peer in self.peers():
            if peer["address"] != other.id:
                continue
            for path in peer["paths"]:
                if path["preferred"] and not path.get("expired"):
                    return path["address"]
        return None

    def peer(self, other):
        return next((peer for peer in self.peers() if peer["address"] == other.id), None)

    def start(self, *arguments, **options):
        """A program on the virtual network, in the background."""
        return self.scene.start(self.command(arguments), f"{self.name}-{next(self.numbers)}", self.env(), **options)

    def run(self, *arguments, timeout=60, **options):
        """A program on the virtual network, to its end."""
        return subprocess.run(self.command(arguments), env=self.env(), capture_output=True, timeout=timeout,
                              check=False, **options)

    def serve(self):
        """An unmodified web server with the scene's site, on port 8080 of the virtual network."""
        program = self.start("python3", pathlib.Path(__file__).with_name("feed.py"), self.scene.site, "8080")
        program.wait_for_line("serving")
        return program

    def can_fetch_from(self, other, limit=5):
        """One unmodified curl: does a page of the other's server arrive?"""
        done = self.run("curl", "-sS", "--fail", "--max-time", limit, f"http://{other.address()}:8080/page")
        return done.returncode == 0 and done.stdout == (self.scene.site / "page").read_bytes()

    def fetches_from(self, other, limit=60):
        wait_until(lambda: self.can_fetch_from(other), f"{self.name} fetches a page from {other.name}", limit)

    def is_fed_by(self, other, seconds):
        """One TCP connection that lasts so long, and has begun: a Flow."""
        return Flow(self, other, seconds).begins()

    def stop(self, *how):
        self.node.stop(*how)

    def kill(self):
        self.node.process.kill()
        self.node.process.wait()

    def address(self):
        """The first IPv4 address on the virtual network; waits for it."""
        if not getattr(self, "_address", None):
            self._address = wait_until(self._look_for_address, f"{self.name} gets an address", 90)
        return self._address


class OurMember(Member):
    make = "ours"

    def __init__(self, scene, host):
        super().__init__(scene, host)
        subprocess.run([ZTSHIM, "identity", "new", "--home", self.home], env=self._env(), check=True,
                       capture_output=True)

    def env(self):
        env = self._env()
        env.update(ZTSHIM_HOME=str(self.home), PYTHONUNBUFFERED="1")
        if self.scene.network:
            env["ZTSHIM_NETWORK"] = self.scene.network
        if "ZTSHIM_LOG" in os.environ:
            env["ZTSHIM_LOG"] = os.environ["ZTSHIM_LOG"]
        return env

    def command(self, arguments):
        """LD_PRELOAD is for the program and not for `ip netns exec`."""
        return [*self.host.prefix, "env", f"LD_PRELOAD={LIBRARY}", *map(str, arguments)]

    def ztshim(self, *arguments, timeout=90):
        return subprocess.run([*self.host.prefix, ZTSHIM, arguments[0], "--home", self.home, *arguments[1:]],
                              env=self.env(), capture_output=True, timeout=timeout, check=False)

    def _json(self, what):
        done = self.ztshim(what, "--json")
        return json.loads(done.stdout) if done.returncode == 0 else []

    def launch(self, port=PORT):
        """The node of this home, as a member of the scene's network when there is one."""
        self._node("service", "--port", port)

    def launch_controller(self, *options):
        """The same, also controller of a network that becomes the scene's."""
        self._node("controller", "--port", PORT, *options)
        self.node.wait_for_line("ready network=")
        line = next(l for l in self.node.output().splitlines() if l.startswith("ready "))
        self.scene.network = line.split("network=")[1].split()[0]

    def _node(self, command, *options):
        self.node = self.scene.start(
            [*self.host.prefix, ZTSHIM, command, "--home", self.home, "--planet", self.scene.planet,
             *map(str, options)], f"{self.name}-node-{next(self.numbers)}", self.env())

    def is_online(self):
        status = self._json("status")
        return bool(status) and status.get("online", False)

    def peers(self):
        return self._json("peers")

    def datagrams_sent(self):
        """By its own count; nftables sees several that left in one system call as one."""
        return self._json("status")["physical"]["datagramsOut"]

    def _look_for_address(self):
        for network in self._json("networks"):
            for assigned in network["addresses"]:
                if ":" not in assigned:
                    return assigned.split("/")[0]
        return None


class TheirMember(Member):
    make = "theirs"

    def __init__(self, scene, host, binary=GENUINE, settings=None):
        super().__init__(scene, host)
        self.binary = binary
        secret = subprocess.run([binary, "-i", "generate"], capture_output=True, check=True,
                                env=self._env()).stdout.strip()
        (self.home / "identity.secret").write_bytes(secret)
        (self.home / "identity.public").write_bytes(b":".join(secret.split(b":")[:3]))
        (self.home / "local.conf").write_text(json.dumps({"settings": {
            "portMappingEnabled": False, "allowTcpFallbackRelay": False, "softwareUpdate": "disable",
            "interfacePrefixBlacklist": ["zt"], **(settings or {})}}))

    def env(self):
        return self._env()

    def command(self, arguments):
        return [*self.host.prefix, *map(str, arguments)]

    def cli(self, *arguments):
        return self.run(self.binary, "-q", f"-D{self.home}", f"-p{PORT}", *arguments)

    def _json(self, what):
        done = self.cli("-j", what)
        try:
            return json.loads(done.stdout) if done.returncode == 0 else []
        except ValueError:
            return []  # it answers before it is ready

    def launch(self):
        shutil.copyfile(self.scene.planet, self.home / "planet")
        self.node = self.scene.start([*self.host.prefix, self.binary, "-U", f"-p{PORT}", self.home],
                                     f"{self.name}-node-{next(self.numbers)}", self.env())
        wait_until(lambda: self._json("info"), f"{self.name} answers its command line")
        if self.scene.network:
            self.join()

    def join(self):
        self.cli("join", self.scene.network)

    def launch_controller(self, **fields):
        """The same, also controller of a network that becomes the scene's."""
        self.launch()
        self.scene.network = self.id + "000001"
        self.controller("POST", f"network/{self.scene.network}", {
            "name": "lab", "private": False, "v4AssignMode": {"zt": True},
            "routes": [{"target": "10.147.17.0/24", "via": None}],
            "ipAssignmentPools": [{"ipRangeStart": "10.147.17.1", "ipRangeEnd": "10.147.17.254"}], **fields})
        self.join()

    def controller(self, method, path, body=None):
        """The genuine controller's HTTP interface, below /controller; waits until it is up."""
        token = (self.home / "authtoken.secret").read_text().strip()
        more = ["-d", json.dumps(body)] if body is not None else []

        def asked():
            done = self.host.run("curl", "-sS", "--fail", "--max-time", "10", "-X", method, "-H",
                                 f"X-ZT1-Auth: {token}", *more,
                                 f"http://127.0.0.1:{PORT}/controller/{path}")
            return [json.loads(done.stdout)] if done.returncode == 0 else None
        return wait_until(asked, f"the controller of {self.name} answers {method} {path}")[0]

    def is_online(self):
        return (self._json("info") or {}).get("online", False)

    def peers(self):
        return self._json("peers")

    def ping(self, other, count=3):
        return self.run(have("ping"), f"-c{count}", "-i0.2", "-W2", other.address()).returncode == 0

    def _look_for_address(self):
        for network in self._json("listnetworks"):
            for assigned in network.get("assignedAddresses", []):
                if ":" not in assigned:
                    return assigned.split("/")[0]
        return None
