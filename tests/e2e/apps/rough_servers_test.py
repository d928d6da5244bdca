"""Servers that close or overwrite all numbers, daemonise after listen, or exec themselves with the listener."""
import pathlib
import socket
import unittest

from matrix import ServerTest

SERVER = pathlib.Path(__file__).resolve().parent / "rough_server.py"
CLIENT = """
import socket, sys
for _ in range(20):
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as connection:
        for _ in range(5):
            connection.sendall(b"hello")
            print(connection.recv(4096).decode())
"""


class RoughServers(ServerTest):
    title = "rough servers"

    def keeps_serving(self, start, way, port, said=None):
        server = start("python3", SERVER, way, port)
        address = self.node.address()

        def answers():
            return self.client.run("python3", "-c", CLIENT, address, port).stdout
        expected = f"{said or way} hello\n".encode() * 100
        self.wait(lambda: answers() == expected, "an answer")
        self.assertEqual(answers(), expected)
        return server

    def check(self, way, port, said=None):
        self.keeps_serving(self.bare, way, port, said)

    def test_closes_all_first(self):
        self.check("closes-all-first", 8701)

    def test_closes_all_but_its_own(self):
        self.check("closes-all-but-its-own", 8702)

    def test_closes_one_by_one(self):
        self.check("closes-one-by-one", 8703)

    @unittest.skip("the service's descriptors do not survive a full table")
    def test_dups_over_everything(self):
        self.check("dups-over-everything", 8704)

    def test_double_forks_after_listen(self):
        self.check("double-forks", 8705)

    def test_execs_itself_with_the_listener(self):
        self.check("execs-itself", 8706, "inherited")

    def test_double_forks_in_a_tree(self):
        self.keeps_serving(self.tree, "double-forks", 8707)

    def test_execs_itself_in_a_tree(self):
        self.keeps_serving(self.tree, "execs-itself", 8708, "inherited")


if __name__ == "__main__":
    unittest.main()
