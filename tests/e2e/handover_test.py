"""The service outlives its owner: nothing that was written is lost, whichever way a program ends, and
the program's end looks as it does without us."""
import hashlib
import pathlib
import sys
import textwrap
import unittest

from harness import World, wait_until

SIZE = 1 << 20

# Takes connections one after the other. It reads nothing before the file "go" is there (the program
# has ended long before its bytes are read), then everything, and prints length and SHA-256.
READER = """
import hashlib, os, select, socket, sys
listener = socket.create_server(("", int(sys.argv[1])), backlog=64)
print("up", flush=True)
while True:
    connection, peer = listener.accept()
    print("accepted", flush=True)
    while not os.path.exists(sys.argv[2]):
        select.select([], [], [], 0.02)
    digest, size = hashlib.sha256(), 0
    try:
        while True:
            data = connection.recv(65536)
            if not data:
                how = "end"
                break
            digest.update(data)
            size += len(data)
    except ConnectionError as error:
        how = type(error).__name__
    print("got", size, digest.hexdigest(), how, flush=True)
    connection.close()
"""

# Writes SIZE bytes as far as the socket takes them without waiting for the reader, then ends.
WRITER = """
import ctypes, os, signal, socket, sys, threading
address, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
s.connect((address, port))
data = (b"0123456789abcdef" * 65536)[:1 << 20]
s.sendall(data)
libc = ctypes.CDLL(None)
def daemonise():
    libc.daemon(0, 0)
"""


def writer(last_words):
    return WRITER + textwrap.dedent(last_words)


class Handover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.far = cls.world.node("far")
        cls.far.service()
        cls.address = cls.far.address()
        cls.go = cls.world.folder / "go"
        cls.reader = cls.far.start(sys.executable, "-c", READER, "7000", cls.go)
        cls.reader.wait_for_line("up")
        cls.number = 0

    def setUp(self):
        type(self).number += 1
        self.near = self.world.node(f"near{self.number}")
        self.go.unlink(missing_ok=True)
        self.before = len(self.reports())

    def reports(self):
        return [l for l in self.reader.output().splitlines() if l.startswith("got ")]

    def assert_all_arrived(self, size=SIZE):
        self.go.touch()
        wait_until(lambda: len(self.reports()) > self.before, "the reader's report")
        got = self.reports()[-1].split()
        data = (b"0123456789abcdef" * 65536)[:size]
        self.assertEqual(got[1:], [str(size), hashlib.sha256(data).hexdigest(), "end"])

    def assert_copy_ends(self):
        wait_until(lambda: not self.copies(), "the copy's end")

    def copies(self):
        """Processes that have this test's home and are not the program."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text() == "ztshim\n" and \
                        f"ZTSHIM_HOME={self.near.home}\\0" in (entry / "environ").read_text():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def leave(self, last_words, status=7, *prefix):
        done = self.near.run(*prefix, sys.executable, "-c", writer(last_words), self.address, "7000", "x")
        self.assertEqual((done.returncode, done.stderr), (status, b""))
        self.assertEqual(len(self.reports()), self.before, "the program ended before its bytes were read")
        self.assert_all_arrived()
        self.assert_copy_ends()
        return done

    def test_exit(self):
        self.leave("sys.exit(7)")

    def test__exit(self):
        self.leave("os._exit(7)")

    def test__Exit(self):
        self.leave("libc._Exit(7)")

    def test_quick_exit(self):
        self.leave("libc.quick_exit(7)")


if __name__ == "__main__":
    unittest.main()
