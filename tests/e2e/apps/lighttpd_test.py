"""lighttpd: in the foreground and as a daemon with two workers."""
import unittest

from harness import have
from matrix import MIB, ServerTest, needs, random_file, sha256_of


@needs("lighttpd")
class Lighttpd(ServerTest):
    title, package = "lighttpd", "lighttpd"

    def configure(self, port, settings=""):
        self.work = self.folder()
        (self.work / "page").write_text("a page\n")
        config = self.work / "lighttpd.conf"
        config.write_text(f"""
            server.document-root = "{self.work}"
            server.port = {port}
            server.errorlog = "{self.work}/error.log"
            server.pid-file = "{self.work}/pid"
            {settings}
            """)
        return [have("lighttpd"), "-f", config]

    def use(self, server, port):
        address = self.listening(server, port)
        got = self.ask_at_once(*(["curl", "-sS", "--fail-early", "--fail", f"http://{address}:{port}/page?[1-20]"] for _ in range(10)))
        self.assertEqual(got, ["a page\n" * 20] * 10)
        expected = random_file(self.work / "big", 32 * MIB)
        target = self.folder("got") / "big"
        self.ask("curl", "-sS", "--fail", "-o", target, f"http://{address}:{port}/big")
        self.assertEqual(sha256_of(target), expected)
        self.note("200 requests by 10 clients, 32 MiB")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8811), "-D"), 8811)

    def test_workers_of_a_daemon(self):
        self.use(self.tree(*self.configure(8812, "server.max-worker = 2")), 8812)


if __name__ == "__main__":
    unittest.main()
