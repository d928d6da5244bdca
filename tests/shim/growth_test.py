"""A million sockets opened and closed leave everything where it was: descriptors, memory, the service's list."""
import json
import pathlib
import subprocess
import unittest

from harness import BUILD, ZTSHIM, LIBRARY, Program, World, wait_until

MILLION = BUILD / "tests" / "shim" / "million"
SOCKETS, CONNECTIONS = 1_000_000, 20_000
# What an allocator may keep of the peaks. A leak of four bytes for each socket would be more.
SLACK_KIB = 3072


def memory_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def descriptors_of(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/fd").iterdir()))


def facts(line):
    return {key: int(value) for key, value in (item.split("=") for item in line.split()[1:])}


class Growth(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))

    def run_program(self, node, sockets, at_line):
        """Calls at_line() whenever the program has said what it holds, and lets it go on then."""
        env = node.env(LD_PRELOAD=str(LIBRARY), ZTSHIM_LOOPBACK="virtual", ZTSHIM_NETWORK="")
        with subprocess.Popen([MILLION, "127.0.0.1", str(sockets), str(CONNECTIONS)], env=env, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as program:
            lines = []
            for line in program.stdout:
                lines.append(line)
                at_line()
                program.stdin.write("\n")
                program.stdin.flush()
        self.assertEqual(program.returncode, 0)
        return [facts(line) for line in lines]

    def test_of_a_program_and_its_service(self):
        node = self.world.node("apart")
        service = Program([ZTSHIM, "service", "--home", node.home], self.world.folder / "apart.log", node.env(ZTSHIM_NETWORK=""))
        self.world.programs.append(service)
        wait_until((node.home / "service.sock").exists, "the service listens")
        pid = service.process.pid
        held = []

        def look():
            # The service sees what was closed a moment later.
            wait_until(lambda: len(json.loads(node.ztshim("sockets", "--json").stdout)) <= 1, "only the listener is left")
            held.append((descriptors_of(pid), memory_of(pid)))

        before, after = self.run_program(node, SOCKETS, look)
        self.assertEqual(after["descriptors"], before["descriptors"])
        self.assertLess(after["memory"] - before["memory"], SLACK_KIB)
        (descriptors_before, memory_before), (descriptors_after, memory_after) = held
        self.assertEqual(descriptors_after, descriptors_before)
        self.assertLess(memory_after - memory_before, SLACK_KIB)
        print(f"# {SOCKETS} sockets and {CONNECTIONS} connections: the program {before['memory']} -> {after['memory']} KiB, the service "
              f"{memory_before} -> {memory_after} KiB and {descriptors_before} -> {descriptors_after} descriptors", flush=True)

    def test_of_a_program_that_hosts_the_service(self):
        before, after = self.run_program(self.world.node("within"), SOCKETS // 20, lambda: None)
        self.assertLess(after["memory"] - before["memory"], SLACK_KIB)
        self.assertEqual(after["descriptors"], before["descriptors"])
