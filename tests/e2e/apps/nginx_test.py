"""nginx: a master and four workers, as a program and as a daemon; reload and binary upgrade under load."""
import os
import signal
import unittest

from harness import have
from matrix import MIB, HttpLoad, ServerTest, children_of, needs, needs_root, random_file, sha256_of


@needs_root
@needs("nginx")
class Nginx(ServerTest):
    title, package = "nginx", "nginx-light"

    def configure(self, port, settings):
        work = self.folder()
        self.pid_file = work / "nginx.pid"
        (work / "page").write_text("first\n")
        config = work / "nginx.conf"
        config.write_text(f"""
            user www-data; worker_processes 4; pid {self.pid_file}; error_log {work}/error.log;
            {settings}
            events {{ }}
            http {{
              access_log {work}/access.log;
              server {{ listen {port}; root {work}; add_header X-Worker $pid; }}
            }}""")
        self.work = work
        return [have("nginx"), "-p", work, "-c", config]

    def master(self):
        return int(self.pid_file.read_text())

    def workers(self, master, count=4):
        self.wait(lambda: len(children_of(master)) >= count, f"{count} workers of {master}")
        return set(children_of(master))

    def page(self, address, port):
        return self.ask("curl", "-sS", "--fail", f"http://{address}:{port}/page")

    def test_master_and_workers(self):
        server = self.bare(*self.configure(8201, "daemon off;"))
        address = self.listening(server, 8201)
        self.assertEqual(self.page(address, 8201), "first\n")
        said = self.ask("curl", "-sS", "--fail", "-H", "Connection: close", "-D", "-",
                        f"http://{address}:8201/page?[1-200]")
        self.assertEqual(said.count("first\n"), 200)
        serving = {line.split()[1] for line in said.splitlines() if line.startswith("X-Worker")}
        self.note(f"200 requests by {len(serving)} workers")
        expected = random_file(self.work / "big", 32 * MIB)
        got = self.folder("got") / "big"
        self.ask("curl", "-sS", "--fail", "-o", got, f"http://{address}:8201/big")
        self.assertEqual(sha256_of(got), expected)

    def daemon_under_load(self, port):
        server = self.tree(*self.configure(port, "daemon on;"))
        address = self.listening(server, port)
        self.wait(self.pid_file.exists, "a pid file")
        self.workers(self.master())
        load = HttpLoad(self.client, f"http://{address}:{port}/page")
        self.addCleanup(load.stop)
        load.more(200)
        return load

    def test_daemon_reloads_under_load(self):
        load = self.daemon_under_load(8202)
        master = self.master()
        for _ in range(3):
            old_workers = set(children_of(master))
            os.kill(master, signal.SIGHUP)
            self.wait(lambda: not old_workers & set(children_of(master)) and len(children_of(master)) == 4, "new workers")
            load.more(200)
        load.stop()
        self.assertEqual(load.bad, [])
        self.note(f"{load.good} requests, none failed, across 3 HUP")

    def test_daemon_upgrades_its_binary_under_load(self):
        load = self.daemon_under_load(8203)
        master, load.phase = self.master(), "USR2"
        os.kill(master, signal.SIGUSR2)
        self.wait(lambda: self.pid_file.exists() and self.master() != master, "a new master")
        self.workers(self.master())
        load.more(200)
        load.phase = "QUIT"
        os.kill(master, signal.SIGQUIT)
        self.wait(lambda: not os.path.exists(f"/proc/{master}/exe"), "the old master's end")
        load.more(200)
        load.stop()
        self.assertEqual(load.bad, [])
        self.note(f"{load.good} requests, none failed, across USR2 and QUIT")


if __name__ == "__main__":
    unittest.main()
