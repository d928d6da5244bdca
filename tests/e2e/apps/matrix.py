"""What the tests of whole servers share: a lab, a client's node that is up, and a fresh node for each server.

A server runs in one of two ways. bare() preloads the library and nothing else, so the node lives in the
server's own processes; tree() is `ztshim run`, for servers that leave the foreground. The client is always a
real one on another node, with a service of its own. What a case finds out beyond pass and fail goes to note(),
which the table shows (table.py).
"""
import ctypes
import hashlib
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import threading
import time
import unittest

from harness import BUILD, ZTSHIM, Program, World, have, wait_until

MIB = 1 << 20
MATRIX = os.environ.get("ZTSHIM_MATRIX") == "1"  # ./scripts/test apps: more turns of what is repeated
NOTES = BUILD / "meson-logs" / "apps"
PR_SET_CHILD_SUBREAPER = 36

needs_root = unittest.skipUnless(os.geteuid() == 0, "this server changes its user, which only root can")


def needs(*programs):
    """Skips where a program is not installed."""
    missing = [p for p in programs if not have(p)]
    return unittest.skipIf(missing, f"not installed: {', '.join(missing)}")


def random_file(path, size):
    """Writes that many random bytes and returns their SHA-256."""
    total = hashlib.sha256()
    with open(path, "wb") as out:
        while size > 0:
            block = os.urandom(min(size, MIB))
            out.write(block)
            total.update(block)
            size -= len(block)
    return total.hexdigest()


def sha256_of(path):
    total = hashlib.sha256()
    with open(path, "rb") as data:
        while block := data.read(MIB):
            total.update(block)
    return total.hexdigest()


def children_of(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:  # it has just ended
            pass
    return found


class ServerTest(unittest.TestCase):
    """One server of the matrix."""
    title = package = ""  # what the table calls it; whose version it shows

    @classmethod
    def setUpClass(cls):
        # A daemon whose parents have ended becomes a child of this process, so that nothing is left over.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        cls.world = World().__enter__()
        cls.addClassCleanup(cls.end_everything)
        os.chmod(cls.world.folder, 0o755)  # servers read below it as other users; the homes stay closed
        cls.client = cls.world.node("client")
        cls.client.service()
        cls.notes = {}

    @classmethod
    def end_everything(cls):
        NOTES.mkdir(parents=True, exist_ok=True)
        (NOTES / f"{cls.__name__}.json").write_text(json.dumps(
            {"title": cls.title, "version": cls.version(), "cases": cls.notes}))
        try:
            cls.world.__exit__(None, None, None)
        finally:
            for pid in children_of(os.getpid()):
                try:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                except (ProcessLookupError, ChildProcessError):
                    pass

    def setUp(self):
        self.node = self.new_node()

    def new_node(self, name=""):
        return self.world.node(f"{self._testMethodName}{name}")

    def node_of(self, user, name=""):
        """A node whose programs and home belong to somebody else from the start."""
        who = pwd.getpwnam(user)
        node = self.world.node(f"{self._testMethodName}{name}",
                               ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups"])
        node.home.mkdir(mode=0o700)
        node.planet = node.home / "given.planet"  # the lab's own is in a folder of root's
        shutil.copy(self.world.planet, node.planet)
        for path in (node.home, node.planet):
            shutil.chown(path, who.pw_uid, who.pw_gid)
        return node

    def folder(self, name="work", owner=None):
        """A folder of this case's own, below the world's."""
        path = self.world.folder / f"{self._testMethodName}-{name}"
        path.mkdir()
        if owner:
            shutil.chown(path, owner)
        return path

    # ---- the table

    @classmethod
    def version(cls):
        done = subprocess.run(["dpkg-query", "-W", "-f=${Version}", cls.package], capture_output=True, text=True, check=False)
        return re.split("[-+~]", done.stdout.split(":")[-1])[0]

    def note(self, text):
        self._entry()["notes"].append(text)

    def _entry(self):
        return self.notes.setdefault(self._testMethodName, {"way": "", "notes": []})

    # ---- servers

    def bare(self, *command, node=None, **more):
        self._entry()["way"] = "LD_PRELOAD"
        return self._watched((node or self.node).start(*command, **more))

    def tree(self, *command, node=None, prefix=(), **more):
        """Ends when the last process of the tree has ended."""
        self._entry()["way"] = "ztshim run"
        node = node or self.node
        node.count += 1
        program = Program([*prefix, ZTSHIM, "run", "--home", node.home, "--", *command],
                          self.world.folder / f"{node.name}-{node.count}.log", node.env(**more))
        return self._watched(program)

    def _watched(self, program):
        def stop():
            failed = self._outcome.result.failures + self._outcome.result.errors
            if failed and failed[-1][0] is self:
                print(f"# --- {program.log.name}")
                for line in program.output().splitlines()[-60:]:
                    print("#", line)
            if program in self.world.programs:
                self.world.programs.remove(program)
            program.stop()
        self.addCleanup(stop)
        return program

    def listening(self, program, port, node=None):
        """Waits until somebody listens there, and returns the node's address."""
        node = node or self.node

        def look():
            if not program.is_running():
                raise AssertionError(f"{program.arguments} ended ({program.process.returncode}): {program.output()}")
            done = node.ztshim("sockets", "--json")
            return done.returncode == 0 and any(
                s["state"] == "LISTEN" and s["local"].endswith(f":{port}") for s in json.loads(done.stdout))
        wait_until(look, f"a listener on port {port}")
        return node.address()

    # ---- the client

    def ask(self, *command, code=0, **more):
        """Runs a client to its end and returns what it said."""
        done = self.client.run(*command, **more)
        self.assertEqual(done.returncode, code, (command, done.stdout[-2000:], done.stderr[-2000:]))
        return done.stdout.decode(errors="replace")

    def ask_at_once(self, *commands, timeout=300):
        """Runs clients beside each other: their outputs."""
        running = [subprocess.Popen([str(a) for a in command], env=self.client._shimmed({}), stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE) for command in commands]
        end, said = time.monotonic() + timeout, []
        for process in running:
            try:
                out, error = process.communicate(timeout=max(1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                out, error = process.communicate()
            said.append((process.returncode, out, error))
        self.assertEqual([s for s in said if s[0] != 0], [])
        return [out.decode(errors="replace") for _, out, _ in said]

    def wait(self, condition, what, limit=60):
        return wait_until(condition, what, limit)


class HttpLoad:
    """Requests without an end, each on a connection of its own, by several curl processes at a time."""
    BATCH = 100

    def __init__(self, client, url, workers=3):
        self.client, self.url, self.stopped = client, url, False
        self.good, self.bad, self.phase = 0, [], "at first"
        self.threads = [threading.Thread(target=self._go) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def _go(self):
        while not self.stopped:
            done = self.client.run("curl", "-sS", "-H", "Connection: close", "-o", "/dev/null", "-w", "%{http_code}\n",
                                   f"{self.url}?[1-{self.BATCH}]")
            codes = done.stdout.decode().split()
            self.good += codes.count("200")
            if done.returncode != 0 or codes.count("200") != self.BATCH:
                self.bad.append((self.phase, done.returncode, len(codes) - codes.count("200"), done.stderr[-200:]))

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def more(self, count):
        """Waits for that many further good answers."""
        wanted = self.good + count
        wait_until(lambda: self.good >= wanted or self.bad, f"{count} more answers", 120)
