"""What end-to-end tests are made of: a private lab, nodes' homes, programs under the shim.

Everything lives below one temporary folder and is stopped at the end. Nothing here sleeps for a fixed
time: wait_until() polls something observable, with a generous limit.
"""
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ZTSHIM_BUILD", SOURCE / "build"))
ZTSHIM = BUILD / "ztshim"
LIBRARY = BUILD / "libztshim.so"
PATIENCE = float(os.environ.get("PATIENCE", "60"))  # seconds until something that must happen counts as not happening


def wait_until(condition, what, limit=PATIENCE):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:.0f} s: {what}")
        select.select([], [], [], 0.05)


def have(program):
    """The path of an installed program, or None (also looks where root's programs are)."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


class Program:
    """A running child with its output in a file."""

    def __init__(self, arguments, log, env=None, stdin=subprocess.DEVNULL, cwd=None):
        self.log = pathlib.Path(log)
        self.arguments = [str(a) for a in arguments]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(self.arguments, env=env, stdin=stdin, stdout=output,
                                            stderr=subprocess.STDOUT, cwd=cwd)

    def output(self):
        return self.log.read_text(errors="replace")

    def is_running(self):
        return self.process.poll() is None

    def wait_for_line(self, text, limit=PATIENCE):
        def found():
            if text in self.output():
                return True
            if not self.is_running():
                raise AssertionError(f"{self.arguments[0]} ended ({self.process.returncode}): {self.output()}")
            return False
        wait_until(found, f"{text!r} in the output of {self.arguments}", limit)

    def stop(self, how=signal.SIGTERM, limit=20):
        """Ends it and returns its status; SIGKILL if it does not obey."""
        if self.is_running():
            self.process.send_signal(how)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.arguments} did not end on {how!r}")
        return self.process.returncode


class Node:
    """A home directory and the environment that puts programs on its node."""

    def __init__(self, world, name, prefix=()):
        self.world, self.name, self.prefix = world, name, list(prefix)
        self.home = world.folder / name
        self.count = 0

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_") and k != "LD_PRELOAD"}
        env.update(ZTSHIM_HOME=str(self.home), ZTSHIM_PLANET=str(self.world.planet),
                   ZTSHIM_NETWORK=self.world.network, PYTHONUNBUFFERED="1")
        env.update(self.world.extra_env)
        env.update(more)
        return env

    def _shimmed(self, more):
        return self.env(LD_PRELOAD=str(LIBRARY), **more)

    def _command(self, arguments, shim):
        """Inside a namespace, LD_PRELOAD is for the program and not for `ip netns exec`."""
        arguments = [str(a) for a in arguments]
        if not self.prefix:
            return arguments
        setting = ["env", f"LD_PRELOAD={LIBRARY}"] if shim else []
        return self.prefix + setting + arguments

    def _environment(self, more):
        return self.env(**more) if self.prefix else self._shimmed(more)

    def start(self, *arguments, stdin=subprocess.DEVNULL, **more):
        """A program under the shim, in the background."""
        self.count += 1
        program = Program(self._command(arguments, True),
                          self.world.folder / f"{self.name}-{self.count}.log",
                          self._environment(more), stdin)
        self.world.programs.append(program)
        return program

    def run(self, *arguments, stdin=b"", timeout=120, shim=True, **more):
        """A program under the shim (or beside it), to its end: CompletedProcess with bytes."""
        env = self._environment(more) if shim else self.env(**more)
        return subprocess.run(self._command(arguments, shim), env=env, input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, check=False)

    def ztshim_command(self, *arguments):
        return [ZTSHIM, arguments[0], "--home", self.home, *arguments[1:]]

    def ztshim(self, *arguments, timeout=90):
        return self.run(*self.ztshim_command(*arguments), shim=False, timeout=timeout)

    def service(self):
        """`ztshim service` for this home, up when its network has an address."""
        self.count += 1
        program = Program(self._command([ZTSHIM, "service", "--home", self.home], False),
                          self.world.folder / f"{self.name}-{self.count}.log", self.env())
        self.world.programs.append(program)
        self.address()
        return program

    def address(self):
        """This node's first IPv4 address on the network; waits for it."""
        def look():
            done = self.ztshim("networks", "--wait", "30", "--json")
            if done.returncode != 0:
                return None
            for network in json.loads(done.stdout):
                for assigned in network["addresses"]:
                    if ":" not in assigned:
                        return assigned.split("/")[0]
            return None
        return wait_until(look, f"address of {self.name}")


class World:
    """A lab: root, controller and one network, made by `ztshim lab`."""

    def __init__(self, lab_arguments=(), prefix=(), folder=None):
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="ztshim-e2e-"))
        self.programs = []
        self.extra_env = {}
        self.lab_arguments = list(lab_arguments)
        self.lab_prefix = list(prefix)
        self.planet = self.network = None
        self.lab = None

    def __enter__(self):
        self.start_lab()
        return self

    def start_lab(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_")}
        self.lab = Program([*self.lab_prefix, ZTSHIM, "lab", "--home", self.folder / "lab",
                            *self.lab_arguments], self.folder / "lab.log", env)
        self.lab.wait_for_line("ready network=")
        line = [l for l in self.lab.output().splitlines() if l.startswith("ready ")][-1]
        facts = dict(item.split("=", 1) for item in line.split()[1:])
        self.network, self.planet = facts["network"], facts["planet"]

    def node(self, name, prefix=()):
        return Node(self, name, prefix)

    def __exit__(self, kind, value, trace):
        trouble = []
        for program in reversed(self.programs):
            try:
                program.stop()
            except AssertionError as stayed:
                trouble.append(str(stayed))
        if self.lab:
            status = self.lab.stop()
            if status != 0:
                trouble.append(f"the lab ended with {status}")
        if kind or trouble:
            for log in sorted(self.folder.glob("*.log")):
                print(f"# --- {log.name}")
                for line in log.read_text(errors="replace").splitlines()[-25:]:
                    print("#", line)
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(self.folder, ignore_errors=True)
        if trouble and not kind:
            raise AssertionError("; ".join(trouble))


class Namespaces:
    """Hosts of our own: network namespaces on one bridge, without a way to anywhere else."""

    def __init__(self, *names, subnet="10.99.7"):
        self.tag = f"zs{os.getpid() % 10000}"
        self.names, self.subnet = names, subnet

    @staticmethod
    def why_not():
        """The reason why namespaces cannot be made here, or None."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if not have("ip"):
            return "network namespaces need iproute2"
        # Some places allow a namespace and not what is done in it: a chroot, a container.
        probe = f"zp{os.getpid() % 10000}"
        try:
            for step in (["netns", "add", probe], ["netns", "exec", probe, "true"],
                         ["-n", probe, "link", "add", "br0", "type", "bridge"],
                         ["-n", probe, "link", "add", "v0", "type", "veth", "peer", "name", "v1"]):
                made = subprocess.run(["ip", *step], capture_output=True, text=True, check=False)
                if made.returncode != 0:
                    return f"network namespaces cannot be used here: ip {' '.join(step)}: {made.stderr.strip()}"
        finally:
            subprocess.run(["ip", "netns", "del", probe], check=False, capture_output=True)
        return None

    def _ip(self, *arguments):
        subprocess.run(["ip", *arguments], check=True)

    def name(self, host):
        return f"{self.tag}{host}"

    def address(self, host):
        return f"{self.subnet}.{self.names.index(host) + 1}"

    def prefix(self, host):
        return ["ip", "netns", "exec", self.name(host)]

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        switch = self.name("sw")
        self._ip("netns", "add", switch)
        self._ip("-n", switch, "link", "add", "br0", "type", "bridge")
        self._ip("-n", switch, "link", "set", "br0", "up")
        for host in self.names:
            space = self.name(host)
            self._ip("netns", "add", space)
            self._ip("-n", space, "link", "set", "lo", "up")
            self._ip("-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", f"p{host}",
                     "netns", switch)
            self._ip("-n", switch, "link", "set", f"p{host}", "master", "br0", "up")
            self._ip("-n", space, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
            self._ip("-n", space, "link", "set", "eth0", "up")

    def __exit__(self, *_):
        for host in (*self.names, "sw"):
            subprocess.run(["ip", "netns", "del", self.name(host)], check=False, capture_output=True)
