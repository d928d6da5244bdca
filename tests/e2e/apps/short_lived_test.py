"""Many short-lived processes with one home: one node on the network, whoever hosts its service at the moment."""
import json
import statistics
import subprocess
import threading
import time
import unittest

from harness import ZTSHIM, wait_until
from matrix import ServerTest, needs

MANY = 100
# One after the other, for the time of one.
TIMED = 20


@needs("curl")
class ShortLived(ServerTest):
    title, package = "short-lived curl", "curl"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.world.folder / "site"
        cls.site.mkdir()
        (cls.site / "page").write_text("a page\n" * 1000)

    def server(self, port, shim=True):
        log = self.world.folder / f"site-{port}.log"
        command = ["python3", "-m", "http.server", port, "--directory", self.site]
        if shim:
            program = self.client.start(*command)
            self.addCleanup(program.stop)
            return program, self.listening(program, port, self.client)
        with open(log, "wb") as out:
            process = subprocess.Popen([str(c) for c in [*command, "--bind", "127.0.0.1"]], stdout=out, stderr=out)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_until(lambda: subprocess.run(["curl", "-s", f"http://127.0.0.1:{port}/page"], capture_output=True,
                                          check=False).returncode == 0, "the kernel's server")
        return None, "127.0.0.1"

    def members(self):
        done = self.node.run(ZTSHIM, "member", "list", "--home", self.world.folder / "lab", self.world.network, "--json",
                             shim=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return {member["id"] for member in json.loads(done.stdout)}

    def test_a_hundred_at_once_are_one_node(self):
        self._entry()["way"] = "LD_PRELOAD"
        server, address = self.server(8601)
        before = self.members()
        command = ["curl", "-sS", "--fail", f"http://{address}:8601/page"]
        running = [subprocess.Popen(command, env=self.node._shimmed({}), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE) for _ in range(MANY)]
        said = [(*process.communicate(timeout=300), process.returncode) for process in running]
        bad = [(code, error) for out, error, code in said if code != 0 or out != (self.site / "page").read_bytes()]
        self.assertEqual(bad, [])
        self.assertEqual(len(self.members() - before), 1)
        callers = {line.split()[0] for line in server.output().splitlines() if '"GET /page' in line}
        self.assertEqual(len(callers), 1)
        self.note(f"{MANY} processes, one node")

    def test_hosts_that_follow_each_other(self):
        """A few at a time: whoever hosts ends after milliseconds, while others start, connect and read."""
        self._entry()["way"] = "LD_PRELOAD"
        _, address = self.server(8604)
        log = self.world.folder / "hosts.log"
        env = self.node._shimmed({"ZTSHIM_LOG": "info", "ZTSHIM_LOG_FILE": str(log)})
        bad = []

        def one_after_the_other():
            for _ in range(MANY):
                done = subprocess.run(["curl", "-sS", "--fail", f"http://{address}:8604/page"], env=env,
                                      stdin=subprocess.DEVNULL, capture_output=True, check=False)
                if done.returncode != 0 or done.stdout != (self.site / "page").read_bytes():
                    bad.append((done.returncode, done.stderr))
        threads = [threading.Thread(target=one_after_the_other) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(bad, [])
        hosts = [line.split(" node ")[1].split()[0] for line in log.read_text().splitlines() if " runs, home " in line]
        self.assertGreater(len(hosts), 1, "the host never changed")
        self.assertEqual(len(set(hosts)), 1, "one identity")
        self.note(f"{3 * MANY} processes, {len(hosts)} hosts")

    def times(self, command, env):
        took = []
        for _ in range(TIMED):
            start = time.monotonic()
            subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            took.append(time.monotonic() - start)
        return f"{statistics.median(took) * 1000:.1f} ms"

    def test_time_of_one(self):
        """No verdict: what a curl takes, beside the kernel's."""
        self._entry()["way"] = "LD_PRELOAD"
        _, address = self.server(8602)
        _, loopback = self.server(8603, shim=False)
        ours = ["curl", "-sS", "--fail", f"http://{address}:8602/page"]
        alone = self.node._shimmed({})
        subprocess.run(ours, env=alone, stdout=subprocess.DEVNULL, check=True)  # the home's first: it makes the identity
        cold = self.times(ours, alone)
        service = self.node.service()
        self.addCleanup(service.stop)
        warm = self.times(ours, alone)
        kernel = self.times(["curl", "-sS", "--fail", f"http://{loopback}:8603/page"], self.node.env())
        self.note(f"one warm curl {warm}, with its own service {cold}, the kernel's {kernel}")


if __name__ == "__main__":
    unittest.main()
