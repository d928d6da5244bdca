"""HAProxy in front of a server on another node: both sides of it virtual; reload with the listeners handed over by
descriptor passing, under load."""
import os
import signal
import unittest

from harness import have
from matrix import HttpLoad, ServerTest, children_of, needs


@needs("haproxy", "python3")
class HaProxy(ServerTest):
    title, package = "HAProxy", "haproxy"

    def backend(self, port):
        site = self.folder("site")
        (site / "page").write_text("a page\n")
        server = self.client.start("python3", "-m", "http.server", port, "--directory", site)
        self.addCleanup(server.stop)
        return self.listening(server, port, self.client)

    def configure(self, port, behind, settings=""):
        self.work = self.folder()
        config = self.work / "haproxy.cfg"
        config.write_text(f"""
global
    pidfile {self.work}/pid
    stats socket {self.work}/admin mode 600 level admin expose-fd listeners
    {settings}
defaults
    mode http
    timeout connect 20s
    timeout client 60s
    timeout server 60s
frontend front
    bind 0.0.0.0:{port}
    default_backend back
backend back
    server one {self.backend(behind)}:{behind}
""")
        return [have("haproxy"), "-f", config]

    def use(self, server, port):
        address = self.listening(server, port)
        got = self.ask_at_once(*(["curl", "-sS", "--fail-early", "--fail", f"http://{address}:{port}/page?[1-10]"] for _ in range(10)))
        self.assertEqual(got, ["a page\n" * 10] * 10)
        return address

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8821, 8822), "-db"), 8821)
        self.note("100 requests by 10 clients through it")

    def test_master_reloads_by_passing_descriptors(self):
        server = self.bare(*self.configure(8823, 8824), "-W")
        address = self.use(server, 8823)
        load = HttpLoad(self.client, f"http://{address}:8823/page", workers=2)
        self.addCleanup(load.stop)
        load.more(200)
        master = server.process.pid
        for _ in range(2):
            old = set(children_of(master))
            os.kill(master, signal.SIGUSR2)
            self.wait(lambda: not old & set(children_of(master)) and children_of(master), "a new worker")
            load.more(200)
        load.stop()
        self.assertEqual(load.bad, [])
        self.note(f"{load.good} requests, none failed, across 2 reloads")

    def test_daemon_is_replaced_by_passing_descriptors(self):
        command = self.configure(8825, 8826)
        server = self.tree("sh", "-c", 'haproxy -f "$0" -D; while [ ! -e "$0.replace" ]; do sleep 0.1; done; '
                           'haproxy -f "$0" -D -x "$1/admin" -sf $(cat "$1/pid")', command[-1], self.work)
        address = self.use(server, 8825)
        load = HttpLoad(self.client, f"http://{address}:8825/page", workers=2)
        self.addCleanup(load.stop)
        load.more(200)
        pid = (self.work / "pid").read_text()
        (self.work / "haproxy.cfg.replace").touch()
        self.wait(lambda: (self.work / "pid").read_text().strip() not in ("", pid.strip()), "a new daemon")
        self.wait(lambda: not os.path.exists(f"/proc/{pid.strip()}/exe"), "the end of the old one")
        load.more(200)
        load.stop()
        self.assertEqual(load.bad, [])
        self.note(f"{load.good} requests, none failed, across -x -sf")


if __name__ == "__main__":
    unittest.main()
