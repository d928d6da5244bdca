"""A pipeline that ends in netcat: it is over as soon as its bytes have arrived, and nothing holds its output open."""
import os
import re
import statistics
import subprocess
import time
import unittest

from harness import have
from matrix import MATRIX, ServerTest, needs, sha256_of

SIZE = 50_000_000
TIMES = 50 if MATRIX else 3
# Longer than any of it takes on a busy machine, shorter than the time a service waits for a peer that is gone.
PROMPTLY = 20
PIPELINE = "head -c %d /dev/urandom | tee >(sha256sum >&2) | nc -N %s %s"


@needs("bash", "nc")
class Pipelines(ServerTest):
    title, package = "netcat pipelines", "netcat-openbsd"

    def start(self, address, port):
        """The pipeline, with no service but the one in its netcat."""
        self._entry()["way"] = "LD_PRELOAD"
        return subprocess.Popen(["bash", "-c", PIPELINE % (SIZE, address, port)], env=self.node._shimmed({}),
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def finish(self, pipeline):
        """What it said, once all of its output's holders are gone."""
        try:
            out, error = pipeline.communicate(timeout=PROMPTLY + 60)
        except subprocess.TimeoutExpired:
            pipeline.kill()
            raise
        return out, error.decode()

    def receiver(self, port, target, *command):
        log = open(target, "wb")
        self.addCleanup(log.close)
        receiver = subprocess.Popen([str(word) for word in command], env=self.client._shimmed({}), stdin=subprocess.DEVNULL,
                                    stdout=log, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: receiver.poll() is None and receiver.kill())
        program = type("Listening", (), {"is_running": lambda self: receiver.poll() is None, "arguments": command})()
        address = self.listening(program, port, self.client)
        return receiver, address

    def test_every_byte_arrives(self):
        target, took = self.folder() / "received", []
        for turn in range(TIMES):
            port = 8300 + turn
            receiver, address = self.receiver(port, target, have("nc"), "-l", port)
            pipeline = self.start(address, port)
            self.assertEqual(receiver.wait(120), 0, turn)
            arrived = time.monotonic()
            out, said = self.finish(pipeline)
            took.append(time.monotonic() - arrived)
            self.assertEqual((pipeline.returncode, out), (0, b""), (turn, said))
            self.assertLess(took[-1], PROMPTLY, turn)
            self.assertEqual(target.stat().st_size, SIZE, (turn, said))
            self.assertEqual(said.split()[:1], [sha256_of(target)], turn)
        self.note(f"{TIMES} times 50 MB; over {statistics.median(took):.2f} s after the last byte, at most {max(took):.2f} s")

    def test_the_receiver_has_all_and_exits_first(self):
        target, took = self.folder() / "received", []
        take = ("import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); c, _ = s.accept(); left = %d\n"
                "while left: d = c.recv(min(left, 1 << 16)); left -= len(d) or exit(1); sys.stdout.buffer.write(d)" % SIZE)
        for turn in range(TIMES):
            port = 8400 + turn
            receiver, address = self.receiver(port, target, "python3", "-c", take, port)
            pipeline = self.start(address, port)
            self.assertEqual(receiver.wait(120), 0, turn)
            arrived = time.monotonic()
            _, said = self.finish(pipeline)
            took.append(time.monotonic() - arrived)
            self.assertLess(took[-1], PROMPTLY, turn)
            self.assertEqual(said.split()[:1], [sha256_of(target)], (turn, said))
        self.note(f"{TIMES} times; over {statistics.median(took):.2f} s after the receiver, at most {max(took):.2f} s")

    def test_the_receiver_goes_away_in_the_middle(self):
        target, took = self.folder() / "received", []
        take = ("import socket, sys; s = socket.create_server(('', int(sys.argv[1]))); c, _ = s.accept()\n"
                "sys.stdout.buffer.write(c.recv(1000000, socket.MSG_WAITALL))")
        for turn in range(TIMES):
            port = 8500 + turn
            receiver, address = self.receiver(port, target, "python3", "-c", take, port)
            pipeline = self.start(address, port)
            self.assertEqual(receiver.wait(120), 0, turn)
            gone = time.monotonic()
            _, said = self.finish(pipeline)
            took.append(time.monotonic() - gone)
            self.assertLess(took[-1], PROMPTLY, (turn, said))
            self.assertEqual(target.stat().st_size, 1_000_000, turn)
        self.note(f"{TIMES} times; over {statistics.median(took):.2f} s after the receiver, at most {max(took):.2f} s")


if __name__ == "__main__":
    unittest.main()
