"""Redis: saving in a forked child under load, replication between two nodes, as a daemon, redis-benchmark."""
import unittest

from matrix import ServerTest, needs


@needs("redis-server", "redis-cli", "redis-benchmark")
class Redis(ServerTest):
    title, package = "Redis", "redis-server"

    def command(self, port, folder, *more):
        return ["redis-server", "--port", port, "--dir", folder, "--protected-mode", "no", *more]

    def cli(self, address, port, *words, **more):
        return self.ask("redis-cli", "-h", address, "-p", port, *words, **more).strip()

    def info(self, address, port, name):
        lines = self.cli(address, port, "INFO").splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line).get(name)

    def test_saves_during_load(self):
        folder = self.folder()
        server = self.bare(*self.command(8221, folder))
        address = self.listening(server, 8221)
        many = "".join(f"SET many:{i} {'x' * 1000}\r\n" for i in range(20_000)).encode()
        self.assertIn("errors: 0, replies: 20000", self.cli(address, 8221, "--pipe", stdin=many))
        benchmark = self.client.start("redis-benchmark", "-h", address, "-p", 8221, "-n", 30_000, "-c", 50, "-q",
                                      "-t", "set,get")
        self.addCleanup(benchmark.stop)
        saves = 0
        while benchmark.is_running() or saves == 0:
            self.cli(address, 8221, "BGSAVE")
            self.wait(lambda: self.info(address, 8221, "rdb_bgsave_in_progress") == "0", "the end of a BGSAVE")
            self.assertEqual(self.info(address, 8221, "rdb_last_bgsave_status"), "ok")
            saves += 1
        self.assertEqual(benchmark.process.wait(), 0, benchmark.output())
        rates = [line.split("requests per second")[0].split("\r")[-1].strip() for line in benchmark.output().splitlines()
                 if "requests per second" in line]
        self.assertEqual(len(rates), 2, benchmark.output())
        self.note(f"{saves} BGSAVE meanwhile; per second {', '.join(rates)}")
        self.cli(address, 8221, "BGSAVE")
        self.wait(lambda: self.info(address, 8221, "rdb_bgsave_in_progress") == "0", "the last BGSAVE")
        size = self.cli(address, 8221, "DBSIZE")
        server.stop()
        node = self.new_node("-again")
        again = self.bare(*self.command(8222, folder), node=node)
        address = self.listening(again, 8222, node)
        self.assertEqual(self.cli(address, 8222, "DBSIZE"), size)

    def replicate(self, start, port, *more):
        master = start(*self.command(port, self.folder("master"), *more))
        address = self.listening(master, port)
        write = lambda name: self.cli(address, port, "--pipe", stdin="".join(
            f"SET {name}:{i} {'y' * 500}\r\n" for i in range(5000)).encode())
        write("before")
        node = self.new_node("-replica")
        replica = start(*self.command(port, self.folder("replica"), "--replicaof", address, port, *more), node=node)
        copy = self.listening(replica, port, node)
        same = lambda count: self.wait(lambda: self.cli(copy, port, "DBSIZE") == str(count), f"{count} keys in the replica")
        same(5000)
        write("after")
        same(10_000)
        self.assertEqual(self.info(copy, port, "master_link_status"), "up")
        self.assertEqual(self.info(address, port, "connected_slaves"), "1")
        self.assertEqual(self.cli(copy, port, "GET", "after:4999"), "y" * 500)
        self.note("10000 keys replicated to a second node")

    def test_replicates_to_another_node(self):
        self.replicate(self.bare, 8223)

    def test_replicates_as_daemons(self):
        self.replicate(self.tree, 8224, "--daemonize", "yes")


if __name__ == "__main__":
    unittest.main()
