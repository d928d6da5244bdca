"""rsync's daemon: a process for each connection, a tree of files down and up, and nothing the second time."""
import os
import re
import subprocess
import unittest

from matrix import MIB, ServerTest, needs, random_file


@needs("rsync")
class Rsync(ServerTest):
    title, package = "rsync daemon", "rsync"

    def configure(self, port):
        self.site = self.folder("site")
        for n in range(200):
            (self.site / f"file{n}").write_bytes(os.urandom(n * 50))
        random_file(self.site / "big", 20 * MIB)
        work = self.folder()
        config = work / "rsyncd.conf"
        config.write_text(f"port = {port}\npid file = {work}/pid\nlog file = {work}/log\nuse chroot = no\n"
                          f"[site]\npath = {self.site}\nread only = no\nuid = {os.geteuid()}\ngid = {os.getegid()}\n")
        return ["rsync", "--daemon", f"--config={config}"]

    def use(self, server, port):
        address = self.listening(server, port)
        got = self.folder("got")
        down = ["rsync", "-a", "--stats", f"rsync://{address}:{port}/site/", f"{got}/"]
        self.ask(*down)
        self.assertEqual(subprocess.run(["diff", "-r", self.site, got], check=False).returncode, 0)
        sent = re.search(r"Total transferred file size: ([\d,]+)", self.ask(*down))[1]
        self.assertEqual(sent, "0")
        random_file(got / "new", 5 * MIB)
        self.ask("rsync", "-a", f"{got}/", f"rsync://{address}:{port}/site/")
        self.assertEqual(subprocess.run(["diff", "-r", self.site, got], check=False).returncode, 0)
        self.note("201 files, 21 MiB down, 5 MiB up")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8891), "--no-detach"), 8891)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.configure(8892)), 8892)


if __name__ == "__main__":
    unittest.main()
