"""Apache httpd with the prefork and the event module: many requests at once, graceful restart under load."""
import os
import pathlib
import signal
import unittest

from harness import have
from matrix import MIB, HttpLoad, ServerTest, children_of, needs, needs_root, random_file, sha256_of

MODULES = pathlib.Path("/usr/lib/apache2/modules")


@needs_root
@needs("apache2", "ab")
class Httpd(ServerTest):
    title, package = "Apache httpd", "apache2-bin"

    def configure(self, port, kind):
        work = self.folder()
        (work / "page").write_text("a page\n")
        self.work, self.pid_file = work, work / "httpd.pid"
        config = work / "httpd.conf"
        config.write_text(f"""
            LoadModule mpm_{kind}_module {MODULES}/mod_mpm_{kind}.so
            LoadModule authz_core_module {MODULES}/mod_authz_core.so
            ServerName test.example
            User www-data
            Group www-data
            DefaultRuntimeDir {work}
            PidFile {self.pid_file}
            ErrorLog {work}/error.log
            Listen {port}
            DocumentRoot {work}
            """)
        # A session of its own: it ends its whole process group, which would be the tests'.
        return ["setsid", have("apache2"), "-f", config]

    def use(self, address, port):
        self.assertEqual(self.ask("curl", "-sS", "--fail", f"http://{address}:{port}/page"), "a page\n")
        expected = random_file(self.work / "big", 32 * MIB)
        got = self.folder("got") / "big"
        self.ask("curl", "-sS", "--fail", "-o", got, f"http://{address}:{port}/big")
        self.assertEqual(sha256_of(got), expected)
        for more in ([], ["-k"]):
            said = self.ask("ab", "-q", "-n", 1000, "-c", 20, *more, f"http://{address}:{port}/page")
            self.assertIn("Complete requests:      1000", said)
            self.assertIn("Failed requests:        0", said)
        self.note("ab -c 20 with and without keep-alive, 32 MiB")

    def test_prefork(self):
        server = self.bare(*self.configure(8801, "prefork"), "-D", "FOREGROUND")
        self.use(self.listening(server, 8801), 8801)
        self.assertGreaterEqual(len(children_of(server.process.pid)), 5)

    def test_event(self):
        server = self.bare(*self.configure(8802, "event"), "-D", "FOREGROUND")
        self.use(self.listening(server, 8802), 8802)

    def graceful(self, port, kind):
        server = self.tree(*self.configure(port, kind))
        address = self.listening(server, port)
        self.wait(self.pid_file.exists, "a pid file")
        load = HttpLoad(self.client, f"http://{address}:{port}/page")
        self.addCleanup(load.stop)
        load.more(200)
        master = int(self.pid_file.read_text())
        old = set(children_of(master))
        os.kill(master, signal.SIGUSR1)
        self.wait(lambda: not old & set(children_of(master)), "new children")
        load.more(200)
        load.stop()
        self.assertEqual(load.bad, [])
        self.note(f"{load.good} requests, none failed, across a graceful restart")

    def test_prefork_daemon_restarts_gracefully(self):
        self.graceful(8803, "prefork")

    def test_event_daemon_restarts_gracefully(self):
        self.graceful(8804, "event")


if __name__ == "__main__":
    unittest.main()
