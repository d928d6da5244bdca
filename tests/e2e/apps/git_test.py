"""git daemon: a process for each request; clone, fetch and push."""
import os
import subprocess
import unittest

from matrix import MIB, ServerTest, needs, random_file

WHO = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example", "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example",
       "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


@needs("git")
@unittest.skipUnless(os.path.exists("/usr/lib/git-core/git-daemon"), "not installed: git daemon")
class GitDaemon(ServerTest):
    title, package = "git daemon", "git"

    def git(self, folder, *words):
        subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, env={**os.environ, **WHO})

    def prepare(self, port):
        self.site, work = self.folder("site"), self.folder()
        self.git(work, "init", "-q", "-b", "main", "work")
        self.work = work / "work"
        for n in range(20):
            (self.work / f"file{n}").write_bytes(os.urandom(10_000))
            self.git(self.work, "add", "-A")
            self.git(self.work, "commit", "-q", "-m", f"commit {n}")
        random_file(self.work / "big", 10 * MIB)
        self.git(self.work, "add", "-A")
        self.git(self.work, "commit", "-q", "-m", "big")
        self.git(self.site, "clone", "-q", "--bare", self.work, "project.git")
        return ["git", "daemon", "--export-all", f"--base-path={self.site}", f"--port={port}", "--reuseaddr",
                "--enable=receive-pack", f"--pid-file={self.folder('run') / 'pid'}"]

    def use(self, server, port):
        address = self.listening(server, port)
        url = f"git://{address}:{port}/project.git"
        clones = self.folder("clones")
        self.ask_at_once(*(["git", "clone", "-q", url, clones / str(n)] for n in range(8)))
        for n in range(8):
            done = subprocess.run(["diff", "-r", "-x", ".git", self.work, clones / str(n)], capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, b""))
        (clones / "0" / "new").write_bytes(os.urandom(1_000_000))
        self.git(clones / "0", "add", "-A")
        self.git(clones / "0", "commit", "-q", "-m", "new")
        self.ask("git", "-C", clones / "0", "push", "-q", "origin", "main", **WHO)
        self.ask("git", "-C", clones / "1", "pull", "-q", **WHO)
        self.assertTrue((clones / "1" / "new").exists())
        self.note("8 clones of 10 MiB at once, push, pull")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.prepare(8901)), 8901)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.prepare(8902), "--detach"), 8902)


if __name__ == "__main__":
    unittest.main()
