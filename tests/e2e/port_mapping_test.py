"""A router that speaks NAT-PMP, found by the default route: the node asks it and tells peers."""
import json
import subprocess
import sys
import unittest

from harness import Namespaces, Program, World, wait_until

OUTSIDE = "8.9.10.11"
# RFC 6886, as far as it is used: opcode 0 tells the address outside, opcode 1 maps a UDP port.
ROUTER = r"""
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 5351))
print("ready", flush=True)
while True:
    request, peer = s.recvfrom(64)
    if request[:2] == b"\0\0":
        s.sendto(struct.pack("!BBHI", 0, 128, 0, 1) + socket.inet_aton(sys.argv[2]), peer)
    elif request[:2] == b"\0\1" and len(request) == 12:
        inside, outside, lease = struct.unpack("!HHI", request[4:])
        print("map", inside, outside, lease, flush=True)
        s.sendto(struct.pack("!BBHIHHI", 0, 129, 0, 1, inside, outside + 1, lease), peer)
"""


@unittest.skipIf(Namespaces.why_not(), Namespaces.why_not())
class PortMapping(unittest.TestCase):
    def setUp(self):
        self.space = Namespaces("router", "node").__enter__()
        self.addCleanup(self.space.__exit__)
        router = self.space.address("router")
        subprocess.run(["ip", "-n", self.space.name("node"), "route", "add", "default", "via", router], check=True)
        self.world = World(["--bind", f"{router}:9993"], self.space.prefix("router")).__enter__()
        self.addCleanup(lambda: self.world.__exit__(None, None, None))
        self.router = Program([*self.space.prefix("router"), sys.executable, "-c", ROUTER, router, OUTSIDE],
                              self.world.folder / "router.log")
        self.world.programs.append(self.router)
        self.router.wait_for_line("ready")
        self.node = self.world.node("node", self.space.prefix("node"))

    def physical(self):
        done = self.node.ztshim("status", "--json")
        return json.loads(done.stdout)["physical"] if done.returncode == 0 else {}

    def check(self):
        mapped = wait_until(lambda: self.physical().get("mapped"), "the router has mapped a port")
        tertiary = self.physical()["tertiaryPort"]
        self.assertEqual(mapped, [f"{OUTSIDE}/{tertiary + 1}"])
        self.assertIn(f"map {tertiary} {tertiary} 600", self.router.output())

    def test_a_service_is_mapped_and_not_when_switched_off(self):
        self.node.service()
        self.check()
        (self.node.home / "local.conf").write_text('{"settings": {"portMappingEnabled": false}}')
        wait_until(lambda: self.physical().get("mapped") == [], "the mapping is given up")
        self.assertEqual(self.physical()["tertiaryPort"], 0)

    def test_so_is_a_program_with_the_library_that_closes_all_it_finds(self):
        program = self.node.start(sys.executable, "-c", "import os, socket, sys\n"
                                  "s = socket.socket(); s.bind(('0.0.0.0', 7000)); s.listen()\n"
                                  "os.closerange(s.fileno() + 1, 4096)\n"
                                  "print('serving', flush=True); s.accept()")
        program.wait_for_line("serving")
        self.check()
        self.assertTrue(program.is_running())


if __name__ == "__main__":
    unittest.main()
