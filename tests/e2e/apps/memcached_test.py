"""memcached: threads that share one listener; text protocol, many clients, large values."""
import unittest

from harness import have
from matrix import ServerTest, needs, needs_root

CLIENT = """
import os, socket, sys
def line(f): return f.readline().rstrip(b"\\r\\n")
mine = sys.argv[3].encode()
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as s:
    f = s.makefile("rwb")
    for n in range(50):
        value = os.urandom(1 + n * 2000)
        f.write(b"set %s:%d 0 0 %d\\r\\n%s\\r\\n" % (mine, n, len(value), value)); f.flush()
        assert line(f) == b"STORED"
        f.write(b"get %s:%d\\r\\n" % (mine, n)); f.flush()
        assert line(f) == b"VALUE %s:%d 0 %d" % (mine, n, len(value))
        assert f.read(len(value)) == value
        assert (line(f), line(f)) == (b"", b"END")
print("fine")
"""


@needs("memcached")
class Memcached(ServerTest):
    title, package = "memcached", "memcached"

    def use(self, server, port):
        address = self.listening(server, port)
        said = self.ask_at_once(*(["python3", "-c", CLIENT, address, port, n] for n in range(10)))
        self.assertEqual(said, ["fine\n"] * 10)
        self.note("10 clients, 500 values up to 98 kB")

    @needs_root
    def test_in_the_foreground(self):
        self.node = self.node_of("nobody")
        self.use(self.bare(have("memcached"), "-p", 8841, "-l", "0.0.0.0", "-t", 4, ZTSHIM_PLANET=str(self.node.planet)), 8841)

    @needs_root
    def test_as_a_daemon(self):
        self.use(self.tree(have("memcached"), "-d", "-p", 8842, "-l", "0.0.0.0", "-u", "nobody"), 8842)


if __name__ == "__main__":
    unittest.main()
