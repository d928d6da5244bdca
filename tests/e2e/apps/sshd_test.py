"""OpenSSH's sshd with Debian's configuration: privilege separation, re-exec for each connection, as a program and
as a daemon; scp of 100 MiB both ways, twenty sessions at once."""
import pathlib
import pwd
import shutil
import subprocess
import unittest

from harness import have
from matrix import MIB, ServerTest, needs, needs_root, random_file, sha256_of


@needs_root
@needs("ssh", "scp", "sshd", "ssh-keygen")
class Sshd(ServerTest):
    title, package = "OpenSSH sshd", "openssh-server"

    def prepare(self, port):
        """The server's command; self.ssh and self.target are the client's."""
        keys = self.folder("keys")
        keys.chmod(0o700)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", keys / name], check=True)
        shutil.copy(keys / "user.pub", keys / "authorized_keys")
        pathlib.Path("/run/sshd").mkdir(exist_ok=True)  # the package's unit makes it
        self.pid_file = keys / "sshd.pid"
        self.user = pwd.getpwuid(0).pw_name
        self.options = ["-F", "none", "-i", keys / "user", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=accept-new",
                        "-o", f"UserKnownHostsFile={keys / 'known'}", "-o", "LogLevel=ERROR"]
        self.ssh, self.scp = ["ssh", *self.options, "-p", port], ["scp", *self.options, "-P", port]
        # MaxStartups' default drops connections at random from the eleventh unauthenticated one on.
        return [have("sshd"), "-p", port, "-h", keys / "host", "-o", f"AuthorizedKeysFile={keys / 'authorized_keys'}",
                "-o", "StrictModes=no", "-o", f"PidFile={self.pid_file}", "-o", "MaxStartups=50"]

    def use(self, address, port):
        target = f"{self.user}@{address}"
        said = self.ask(*self.ssh, target, "echo over $SSH_CONNECTION; exit 3", code=3)
        self.assertRegex(said, rf"^over \S+ \d+ {address} {port}\n$")

        twenty = self.ask_at_once(*([*self.ssh, target, f"head -c 300000 /dev/zero | wc -c; echo {n}"] for n in range(20)))
        self.assertEqual(twenty, [f"300000\n{n}\n" for n in range(20)])

        files = self.folder("files")
        expected = random_file(files / "sent", 100 * MIB)
        self.ask(*self.scp, files / "sent", f"{target}:{files}/there", timeout=600)
        self.assertEqual(sha256_of(files / "there"), expected)
        self.ask(*self.scp, f"{target}:{files}/there", files / "back", timeout=600)
        self.assertEqual(sha256_of(files / "back"), expected)
        for file in files.iterdir():
            file.unlink()
        self.note("20 sessions at once, scp of 100 MiB both ways")

    def test_in_the_foreground(self):
        server = self.bare(*self.prepare(8211), "-D", "-e")
        self.use(self.listening(server, 8211), 8211)

    def test_as_a_daemon(self):
        server = self.tree(*self.prepare(8212))
        self.use(self.listening(server, 8212), 8212)


if __name__ == "__main__":
    unittest.main()
