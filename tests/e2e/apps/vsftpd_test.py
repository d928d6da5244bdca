"""vsftpd: a process for each session, passive and active transfers (in active mode the server connects)."""
import os
import unittest

from harness import have
from matrix import MIB, ServerTest, needs, needs_root, random_file, sha256_of


@needs_root
@needs("vsftpd", "curl")
class Vsftpd(ServerTest):
    title, package = "vsftpd", "vsftpd"

    def configure(self, port, background):
        self.site = self.folder("site")
        self.site.chmod(0o555)  # it refuses a root that is writable
        upload = self.site / "upload"
        upload.mkdir()
        upload.chmod(0o777)
        self.expected = random_file(self.site / "big", 20 * MIB)
        empty = self.folder("empty")
        config = self.folder() / "vsftpd.conf"
        config.write_text(f"""listen=YES
listen_port={port}
background={background}
anonymous_enable=YES
no_anon_password=YES
anon_root={self.site}
write_enable=YES
anon_upload_enable=YES
anon_umask=022
secure_chroot_dir={empty}
pasv_min_port={port + 1000}
pasv_max_port={port + 1100}
connect_from_port_20=NO
""")
        return [have("vsftpd"), config]

    def use(self, server, port):
        address = self.listening(server, port)
        got = self.folder("got") / "big"
        for mode in (["--ftp-pasv"], ["--ftp-pasv", "--disable-epsv"], ["--ftp-port", self.client.address()]):
            self.assertIn("big", self.ask("curl", "-sS", *mode, f"ftp://{address}:{port}/"))
            self.ask("curl", "-sS", *mode, "-o", got, f"ftp://{address}:{port}/big")
            self.assertEqual(sha256_of(got), self.expected)
        for name, mode in (("passive", ["--ftp-pasv"]), ("active", ["--ftp-port", self.client.address()])):
            self.ask("curl", "-sS", *mode, "-T", got, f"ftp://{address}:{port}/upload/{name}")
            self.assertEqual(sha256_of(self.site / "upload" / name), self.expected)
        self.note("20 MiB down and up, passive (EPSV and PASV) and active")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8881, "NO")), 8881)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.configure(8882, "YES")), 8882)


if __name__ == "__main__":
    unittest.main()
