"""mosquitto: one publisher, several subscribers, retained messages."""
import unittest

from harness import have
from matrix import ServerTest, needs


@needs("mosquitto", "mosquitto_pub", "mosquitto_sub")
class Mosquitto(ServerTest):
    title, package = "mosquitto", "mosquitto"

    def configure(self, port):
        config = self.folder() / "mosquitto.conf"
        config.write_text(f"listener {port} 0.0.0.0\nallow_anonymous true\n")
        return [have("mosquitto"), "-c", config]

    def use(self, server, port):
        address = self.listening(server, port)
        where = ["-h", address, "-p", port]
        readers = [self.client.start("mosquitto_sub", *where, "-t", "lines/#", "-q", 2, "-C", 201) for _ in range(3)]
        for reader in readers:
            self.addCleanup(reader.stop)

        # A subscriber is heard of when it gets what is sent again and again.
        def all_there():
            self.ask("mosquitto_pub", *where, "-t", "lines/start", "-r", "-q", 1, "-m", "start")
            return all("start" in reader.output() for reader in readers)
        self.wait(all_there, "three subscribers")
        started = max(reader.output().count("start") for reader in readers)
        lines = "".join(f"line {n} {'x' * 500}\n" for n in range(201)).encode()
        self.ask("mosquitto_pub", *where, "-t", "lines/more", "-q", 2, "-l", stdin=lines)
        for reader in readers:
            self.assertEqual(reader.process.wait(60), 0)
            said = reader.output().splitlines()
            self.assertEqual(len(said), 201)
            heard = [line for line in said if line != "start"]
            self.assertEqual(heard, lines.decode().splitlines()[:len(heard)])
        self.assertLess(started, 201)
        self.assertEqual(self.ask("mosquitto_sub", *where, "-t", "lines/start", "-C", 1), "start\n")
        self.note("3 subscribers, QoS 2, a retained message")

    def test_in_the_foreground(self):
        self.use(self.bare(*self.configure(8851)), 8851)

    def test_as_a_daemon(self):
        self.use(self.tree(*self.configure(8852), "-d"), 8852)


if __name__ == "__main__":
    unittest.main()
