"""What the preload library brings into a stranger's process: hooks, and nothing else."""
import re
import subprocess
import unittest

from harness import LIBRARY, SOURCE

# libm and the loader come with libc; some linkers name them.
LIBC = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def output_of(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


class Library(unittest.TestCase):
    def test_needs_libc_alone(self):
        needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", output_of("readelf", "-d", LIBRARY)))
        self.assertIn("libc.so.6", needed)
        self.assertEqual(needed - LIBC, set())

    def test_exports_the_hooks_alone(self):
        listed = set(re.findall(r"^ {4}(\w+);$", (SOURCE / "shim" / "exports.map").read_text(), re.M))
        symbols = output_of("nm", "-D", "--defined-only", "--format=posix", LIBRARY)
        self.assertEqual({line.split()[0] for line in symbols.splitlines()}, listed)
        self.assertIn("connect", listed)

    def test_has_no_versions_that_programs_would_not_match(self):
        self.assertNotIn("@", output_of("nm", "-D", "--defined-only", LIBRARY))

    def test_needs_no_relocation_of_its_text(self):
        self.assertNotIn("TEXTREL", output_of("readelf", "-d", LIBRARY))


class Unconfigured(unittest.TestCase):
    """Without a network the library changes nothing; with wrong settings it says so."""

    PROGRAM = ("import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
               "c = socket.create_connection(s.getsockname()); print('works')")

    def run_with(self, program=PROGRAM, **env):
        env = {"PATH": "/usr/bin:/bin", "LD_PRELOAD": str(LIBRARY), "ZTSHIM_HOME": "/nonexistent", **env}
        return subprocess.run(["/usr/bin/python3", "-c", program], env=env, capture_output=True, text=True,
                              timeout=60, check=False)

    def test_without_a_network_nothing_changes(self):
        done = self.run_with()
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "works\n", ""))

    def test_it_says_so_once_at_info(self):
        done = self.run_with(ZTSHIM_LOG="info")
        self.assertEqual(done.stdout, "works\n")
        self.assertEqual(done.stderr.count("no network configured"), 1, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_program_without_sockets_hears_nothing(self):
        done = self.run_with("print('quiet')", ZTSHIM_LOG="trace", ZTSHIM_PORT="nonsense")
        self.assertEqual((done.stdout, done.stderr), ("quiet\n", ""))

    def test_a_wrong_value_is_named_and_split_passes_through(self):
        done = self.run_with(ZTSHIM_PORT="nonsense")
        self.assertEqual(done.stdout, "works\n")
        self.assertRegex(done.stderr, r"^ztshim: ZTSHIM_PORT=nonsense: [^\n]*65535[^\n]*\n$")

    def test_a_wrong_value_under_virtual_fails_closed(self):
        done = self.run_with("import socket, errno\n"
                             "try: socket.socket()\n"
                             "except OSError as e: print(errno.errorcode[e.errno])",
                             ZTSHIM_PORT="nonsense", ZTSHIM_EGRESS="virtual")
        self.assertEqual(done.stdout, "ENETDOWN\n")
        self.assertEqual(done.stderr.count("\n"), 1)

    def test_it_can_be_switched_off(self):
        done = self.run_with(ZTSHIM_DISABLE="1", ZTSHIM_PORT="nonsense", ZTSHIM_NETWORK="8056c2e21c000001")
        self.assertEqual((done.stdout, done.stderr), ("works\n", ""))

    def test_a_home_that_cannot_be_made_is_one_line_and_enetdown(self):
        done = self.run_with("import socket, errno\n"
                             "for i in range(3):\n"
                             "  try: socket.socket()\n"
                             "  except OSError as e: print(errno.errorcode[e.errno])",
                             ZTSHIM_HOME="/proc/nonexistent", ZTSHIM_NETWORK="8056c2e21c000001")
        self.assertEqual(done.stdout, "ENETDOWN\n" * 3)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
