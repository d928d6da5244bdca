"""MariaDB: a thread for each connection, sixteen clients at once, bytes of every kind."""
import shutil
import subprocess
import unittest

from harness import have
from matrix import ServerTest, needs, needs_root


@needs_root  # it changes to a user of its own
@needs("mariadbd", "mariadb", "mariadb-install-db", "mariadb-slap")
class MariaDb(ServerTest):
    title, package = "MariaDB", "mariadb-server"

    def configure(self, port):
        data = self.folder("data")
        made = subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
                               "--user=mysql", "--skip-test-db"], capture_output=True, check=False)
        self.assertEqual(made.returncode, 0, made.stdout[-500:] + made.stderr[-500:])
        start = data / "start.sql"
        start.write_text("create user 'tester'@'%';\ngrant all on *.* to 'tester'@'%';\ncreate database tests;\n")
        shutil.chown(data, "mysql")
        shutil.chown(start, "mysql")
        return [have("mariadbd"), "--no-defaults", f"--datadir={data}", "--user=mysql", f"--port={port}", "--bind-address=0.0.0.0",
                f"--socket={data}/socket", f"--init-file={start}", f"--pid-file={data}/pid"]

    def use(self, server, port):
        address = self.listening(server, port)
        where = ["-h", address, "-P", port, "-u", "tester"]
        sql = lambda text, **more: self.ask("mariadb", "--no-defaults", *where, "-N", "-B", "tests", "-e", text, **more).strip()
        self.wait(lambda: self.client.run("mariadb", "--no-defaults", *where, "tests", "-e", "select 1").returncode == 0,
                  "the first question is answered")
        self.assertEqual(sql("select 6 * 7"), "42")
        self.assertEqual(sql("select substring_index(user(), '@', -1)"), self.client.address())
        self.assertEqual(sql("create table t (b longblob); insert into t select repeat(md5(rand()), 250000); "
                             "select length(b), md5(b) = md5(concat(b)) from t"), "8000000\t1")
        self.assertEqual(len(sql("select b from t")), 8_000_000)
        said = self.ask("mariadb-slap", "--no-defaults", *where, "--concurrency=16", "--auto-generate-sql", "--number-of-queries=1600",
                        "--auto-generate-sql-load-type=mixed")
        self.assertIn("Number of clients running queries: 16", said)
        self.note("1600 queries by 16 clients, a blob of 8 MB")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8831)), 8831)


if __name__ == "__main__":
    unittest.main()
