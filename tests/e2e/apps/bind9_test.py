"""bind9: one zone over UDP and TCP, and its transfer; many questions at once."""
import unittest

from harness import have
from matrix import ServerTest, needs

MANY = 400


@needs("named", "dig")
class Bind9(ServerTest):
    title, package = "bind9", "bind9"

    def configure(self, port):
        work = self.folder()
        hosts = "\n".join(f"host{n} IN A 192.0.2.{n % 250 + 1}" for n in range(MANY))
        (work / "zone").write_text(f"""$TTL 60
@ IN SOA ns.example. admin.example. 1 3600 600 86400 60
@ IN NS ns.example.
ns IN A 192.0.2.1
long IN TXT {' '.join('"' + 'x' * 200 + '"' for _ in range(20))}
{hosts}
""")
        config = work / "named.conf"
        config.write_text(f"""
options {{ directory "{work}"; listen-on port {port} {{ any; }}; listen-on-v6 {{ none; }}; pid-file "{work}/pid";
  session-keyfile "{work}/session.key"; managed-keys-directory "{work}"; recursion no; allow-transfer {{ any; }}; dnssec-validation no; }};
controls {{ }};
zone "example" {{ type primary; file "zone"; }};
""")
        self.work = work
        return [have("named"), "-c", config]

    def dig(self, address, port, *words):
        return self.ask("dig", f"@{address}", "-p", port, "+time=5", "+tries=5", *words)

    def use(self, server, port):
        address = self.listening(server, port)
        for transport in ("+notcp", "+tcp"):
            self.assertEqual(self.dig(address, port, "+short", transport, "host7.example", "A"), "192.0.2.8\n")
        # Too long for a datagram of 512 bytes: dig asks again over TCP.
        self.assertIn("x" * 200, self.dig(address, port, "+short", "+noedns", "long.example", "TXT"))
        batch = self.folder("batch") / "names"
        batch.write_text("".join(f"host{n}.example A\n" for n in range(MANY)))
        for transport in ("+notcp", "+tcp"):
            said = self.ask("dig", f"@{address}", "-p", port, "+short", "+time=5", "+tries=5", transport, "-f", batch, timeout=300)
            self.assertEqual(said.splitlines(), [f"192.0.2.{n % 250 + 1}" for n in range(MANY)])
        self.assertEqual(self.dig(address, port, "example", "AXFR").count("IN\tA\t192.0.2."), MANY + 1)
        self.note(f"{MANY} questions over UDP and over TCP, a zone transfer")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8871), "-g"), 8871)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.configure(8872)), 8872)


if __name__ == "__main__":
    unittest.main()
