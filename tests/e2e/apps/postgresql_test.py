"""PostgreSQL: a process for each connection, pgbench with twenty clients, streaming replication between two nodes."""
import pathlib
import pwd
import re
import unittest

from matrix import ServerTest, needs, needs_root

FOUND = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@needs_root  # the server refuses root, and only root can become somebody else
@unittest.skipUnless(FOUND, "not installed: postgresql")
@needs("psql", "pgbench")
class PostgreSql(ServerTest):
    title, package = "PostgreSQL", "postgresql"

    def setUp(self):
        self.user = pwd.getpwnam("nobody")
        self.programs = FOUND[-1].parent
        super().setUp()

    def new_node(self, name=""):
        return self.node_of("nobody", name)

    def environment(self, node):
        return {"ZTSHIM_PLANET": str(node.planet), "LC_ALL": "C"}

    def initialise(self, port):
        data = self.folder("data", self.user.pw_uid)
        data.chmod(0o700)
        made = self.node.run(self.programs / "initdb", "-D", data, "-A", "trust", "-U", "tester", "--no-sync", shim=False,
                             LC_ALL="C")
        self.assertEqual(made.returncode, 0, made.stderr)
        with open(data / "pg_hba.conf", "a", encoding="ascii") as rules:
            rules.write("host all all 0.0.0.0/0 trust\nhost replication all 0.0.0.0/0 trust\n")
        self.options(data, port)
        return data

    def options(self, data, port):
        with open(data / "postgresql.auto.conf", "a", encoding="ascii") as settings:
            settings.write(f"listen_addresses = '*'\nport = {port}\nunix_socket_directories = '{data}'\n")

    def foreground(self, data, port, node=None):
        node = node or self.node
        server = self.bare(self.programs / "postgres", "-D", data, node=node, **self.environment(node))
        server.wait_for_line("ready to accept")
        return server, self.listening(server, port, node)

    def psql(self, address, port, question):
        return self.ask("psql", "-h", address, "-p", port, "-U", "tester", "-At", "-d", "postgres", "-c", question).strip()

    def bench(self, address, port):
        where = ["-h", address, "-p", port, "-U", "tester"]
        self.ask("pgbench", "-i", "-q", "-s", "2", *where, "postgres")
        said = self.ask("pgbench", "-c", "20", "-j", "2", "-t", "50", *where, "postgres")
        self.assertIn("number of transactions actually processed: 1000/1000", said)
        self.assertIn("number of failed transactions: 0", said)
        self.assertEqual(self.psql(address, port, "select count(*) from pgbench_history"), "1000")
        self.note(f"pgbench -c 20: {re.search(r'tps = ([0-9]+)', said)[1]} transactions per second")

    def test_twenty_clients(self):
        _, address = self.foreground(self.initialise(8231), 8231)
        self.assertEqual(self.psql(address, 8231, "select inet_client_addr()"), self.client.address())
        self.assertEqual(self.psql(address, 8231, "select sum(length(repeat('x', 1000))) from generate_series(1, 5000)"),
                         "5000000")
        self.bench(address, 8231)

    def test_as_a_daemon(self):
        data = self.initialise(8232)
        # As pg_ctl is used: the tree's program ends when the server is up.
        server = self.tree(self.programs / "pg_ctl", "start", "-w", "-D", data, "-l", data / "log",
                           prefix=self.node.prefix, **self.environment(self.node))
        address = self.listening(server, 8232)
        self.bench(address, 8232)

    def test_replicates_to_another_node(self):
        _, address = self.foreground(self.initialise(8233), 8233)
        self.psql(address, 8233, "create table numbers as select generate_series(1, 1000) as n")
        node = self.new_node("-standby")
        copy = self.folder("copy", self.user.pw_uid)
        copy.chmod(0o700)
        made = node.run(self.programs / "pg_basebackup", "-h", address, "-p", "8233", "-U", "tester", "-D", copy, "-R",
                        "-X", "stream", "--no-sync", **self.environment(node))
        self.assertEqual(made.returncode, 0, made.stderr)
        self.options(copy, 8234)
        _, standby = self.foreground(copy, 8234, node)
        self.assertEqual(self.psql(standby, 8234, "select count(*), pg_is_in_recovery() from numbers"), "1000|t")
        self.bench(address, 8233)
        self.wait(lambda: self.psql(standby, 8234, "select count(*) from pgbench_history") == "1000", "the standby follows")
        self.assertRegex(self.psql(address, 8233, "select state, client_addr from pg_stat_replication"), r"^streaming\|10\.")
        self.note("streaming replication to a second node")


if __name__ == "__main__":
    unittest.main()
