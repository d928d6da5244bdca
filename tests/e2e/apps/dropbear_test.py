"""dropbear, in the foreground and as a daemon, with OpenSSH's client and its own."""
import os
import pwd
import shutil
import subprocess
import unittest

from harness import have
from matrix import ServerTest, needs, needs_root


@needs_root
@needs("dropbear", "dropbearkey", "ssh", "ssh-keygen")
class Dropbear(ServerTest):
    title, package = "dropbear", "dropbear-bin"

    def prepare(self, port):
        keys = self.folder("keys")
        keys.chmod(0o700)
        for name in ("host", "user"):
            subprocess.run(["dropbearkey", "-t", "ed25519", "-f", keys / name], check=True, capture_output=True)
        self.keys = keys
        return [have("dropbear"), "-r", keys / "host", "-p", port, "-P", keys / "pid"]

    def let_in(self):
        """dropbear looks into the user's home alone: a key is added there, and taken away again."""
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.keys / "openssh"], check=True)
        home = pwd.getpwuid(0).pw_dir
        folder, file = os.path.join(home, ".ssh"), os.path.join(home, ".ssh", "authorized_keys")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        saved = self.keys / "saved"
        if os.path.exists(file):
            shutil.copy2(file, saved)

        def restore():
            if saved.exists():
                shutil.copy2(saved, file)
            else:
                os.unlink(file)
        self.addCleanup(restore)
        with open(file, "ab") as out:
            out.write((self.keys / "openssh.pub").read_bytes())
        os.chmod(file, 0o600)

    def use(self, server, port):
        address = self.listening(server, port)
        self.let_in()
        ssh = ["ssh", "-F", "none", "-i", self.keys / "openssh", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new",
               "-o", f"UserKnownHostsFile={self.keys / 'known'}", "-o", "LogLevel=ERROR", "-p", port, f"root@{address}"]
        self.assertEqual(self.ask(*ssh, "echo in; exit 3", code=3), "in\n")
        five = self.ask_at_once(*([*ssh, f"head -c 300000 /dev/zero | wc -c; echo {n}"] for n in range(5)))  # more from one address it refuses
        self.assertEqual(five, [f"300000\n{n}\n" for n in range(5)])
        blob = os.urandom(5 << 20)
        done = self.client.run(*ssh, "cat", stdin=blob)
        self.assertEqual((done.returncode, done.stdout == blob), (0, True), done.stderr)
        self.note("5 sessions at once, 5 MiB through one")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.prepare(8861), "-F", "-E"), 8861)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.prepare(8862)), 8862)


if __name__ == "__main__":
    unittest.main()
