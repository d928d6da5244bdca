"""iperf3 as a server, in the foreground and as a daemon: both directions, parallel streams."""
import json
import unittest

from matrix import ServerTest, needs


@needs("iperf3")
class Iperf3(ServerTest):
    title, package = "iperf3 -s", "iperf3"

    def use(self, server, port):
        address = self.listening(server, port)
        rates = []
        for way in ([], ["-R"], ["-P", "4"]):
            said = json.loads(self.ask("iperf3", "-c", address, "-p", port, "-J", "-t", "2", *way))
            self.assertGreater(said["end"]["sum_received"]["bytes"], 1 << 20)
            rates.append(f"{said['end']['sum_received']['bits_per_second'] / 1e6:.0f}")
        self.note(f"Mbit/s to it, from it, four streams: {', '.join(rates)}")

    def test_in_the_foreground(self):
        self.use(self.bare("iperf3", "-s", "-p", 8921), 8921)

    def test_as_a_daemon(self):
        self.use(self.tree("iperf3", "-s", "-D", "-p", 8922), 8922)


if __name__ == "__main__":
    unittest.main()
