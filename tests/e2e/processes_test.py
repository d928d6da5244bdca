"""Trees of processes as real servers make them: exec with and without an environment, chroot, namespaces, other
users, descriptors handed on, programs that close or replace everything they can find."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import unittest

from harness import LIBRARY, SOURCE, ZTSHIM, Program, World, have, wait_until

NOBODY = 65534
PYTHON = "/usr/bin/python3"


def is_root():
    return os.geteuid() == 0


def can(*command):
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


class Processes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        # mkdtemp's 0700 would keep other users from the library's and the tests' files, too.
        cls.world.folder.chmod(0o755)
        cls.node = cls.world.node("node")
        cls.service = cls.node.service()
        cls.address = cls.node.address()
        cls.ports = iter(range(7000, 8000))

    def script(self, text, name="script"):
        path = self.world.folder / f"{name}-{next(self.ports)}.py"
        path.write_text(textwrap.dedent(text))
        path.chmod(0o755)
        return path

    def echo(self, port):
        """A server on the node that answers each connection with what it says first."""
        server = self.node.start(PYTHON, "-c", textwrap.dedent(f"""
            import socket
            s = socket.create_server(("", {port}), backlog=128)
            print("up", flush=True)
            while True:
                c, _ = s.accept()
                c.sendall(b"echo " + c.recv(100))
                c.close()"""))
        self.addCleanup(server.stop)
        server.wait_for_line("up")
        return server

    # What every program below does with the network; prints "echo hello" when it works.
    TALK = "import socket; c = socket.create_connection(('%s', %d), 20); c.sendall(b'hello'); print(c.recv(100).decode())"

    def talk(self, port):
        return self.TALK % (self.address, port)

    def served_by(self, port, text="x", count=1):
        """What a listener of a program under test answers to clients on the node."""
        answers = []
        for _ in range(count):
            done = self.node.run(PYTHON, "-c", f"import socket; c = socket.create_connection(('{self.address}', {port}), 20); "
                                 f"c.sendall(b'{text}'); print(c.makefile().read(), end='')")
            answers.append(done.stdout.decode() or done.stderr.decode())
        return answers

    def ztshim_run(self, *command, options=(), **more):
        env = self.node.env(**more)
        return subprocess.run([str(ZTSHIM), "run", "--home", str(self.node.home), *options, "--", *map(str, command)],
                              env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False)


class Exec(Processes):
    def test_a_cleaned_environment_gets_the_network_back(self):
        port = next(self.ports)
        self.echo(port)
        done = self.node.run("env", "-i", PYTHON, "-c", self.talk(port))
        self.assertEqual((done.stdout, done.stderr), (b"echo hello\n", b""))

    def test_what_the_user_took_out_stays_out(self):
        look = "import os; print(os.environ.get('LD_PRELOAD'), os.environ.get('ZTSHIM_RPC_FD'))"
        done = self.node.run("env", "-u", "LD_PRELOAD", PYTHON, "-c", look)
        self.assertEqual(done.stdout, b"None None\n")
        done = self.node.run("env", "-i", "ZTSHIM_DISABLE=1", PYTHON, "-c", look)
        self.assertEqual(done.stdout, b"None None\n")

    def test_two_lists_of_libraries_are_joined(self):
        done = self.node.run("sh", "-c", f"LD_PRELOAD=libm.so.6 {PYTHON} -c 'import os; print(os.environ[\"LD_PRELOAD\"])'")
        self.assertEqual(done.stdout.decode(), f"{LIBRARY}:libm.so.6\n")

    def test_the_capability_goes_along_and_is_protected_there(self):
        port = next(self.ports)
        self.echo(port)
        # The first program talks, so it has one; the second has a home that does not exist.
        second = self.script(f"""
            import os
            fd = int(os.environ["ZTSHIM_RPC_FD"])
            try: os.close(fd); print("closed")
            except OSError: print("protected")
            os.closerange(3, 65536)
            {self.talk(port)}""")
        done = self.node.run(PYTHON, "-c", f"{self.talk(port)}\nimport os; os.environ['ZTSHIM_HOME'] = '/nonexistent'; "
                             f"os.execv('{PYTHON}', ['python3', '{second}'])")
        self.assertEqual(done.stdout.decode(), "echo hello\nprotected\necho hello\n", done.stderr)

    def test_a_number_that_means_something_else_is_not_believed(self):
        port = next(self.ports)
        self.echo(port)
        for number in ("0", "2", "900", "-1", "9999999999", "x", ""):
            done = self.node.run(PYTHON, "-c", self.talk(port), ZTSHIM_RPC_FD=number)
            self.assertEqual(done.stdout, b"echo hello\n", (number, done.stderr))

    def test_shells_pipes_and_spawned_programs_inherit(self):
        port = next(self.ports)
        self.echo(port)
        client = self.script("#!" + PYTHON + "\n" + self.talk(port))
        done = self.node.run(PYTHON, "-c", textwrap.dedent(f"""
            import os, subprocess, sys
            sys.stdout.flush()
            os.system("{client}")
            print(os.popen("{client}").read(), end="", flush=True)
            subprocess.run(["{client}"], close_fds=True)
            os.waitpid(os.posix_spawn("{client}", ["client"], {{}}), 0)"""))
        self.assertEqual(done.stdout, b"echo hello\n" * 4, done.stderr)

    def test_programs_that_would_leave_are_refused_under_virtual_alone(self):
        static = self.world.folder / "static"
        compiler = have("cc") or have("gcc")
        source = self.world.folder / "static.c"
        source.write_text('#include <unistd.h>\nint main(void) { return write(1, "ran\\n", 4) != 4; }\n')
        if not compiler or not can(compiler, "-static", "-o", str(static), str(source)):
            self.skipTest("no compiler that links static programs")
        start = f"import os\ntry: os.execv('{static}', ['static'])\nexcept OSError as e: print(e.strerror)"
        done = self.node.run(PYTHON, "-c", start, ZTSHIM_EGRESS="virtual")
        self.assertEqual(done.stdout, b"Operation not permitted\n")
        self.assertRegex(done.stderr.decode(), rf"^ztshim: {static} is statically linked[^\n]*ZTSHIM_EGRESS=virtual[^\n]*\n$")
        done = self.node.run(PYTHON, "-c", start)
        self.assertEqual((done.stdout, done.stderr), (b"ran\n", b""))


@unittest.skipUnless(is_root(), "needs root")
class Elsewhere(Processes):
    """Where the home's socket is out of reach."""

    def setUp(self):
        self.port = next(self.ports)
        self.echo(self.port)

    def test_a_program_that_gives_up_its_rights(self):
        done = self.node.run(PYTHON, "-c", "import os\n" + self.talk(self.port) +
                             f"\nos.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n" +
                             "for i in range(20):\n  pid = os.fork()\n  if pid == 0:\n    " + self.talk(self.port) +
                             "\n    os._exit(0)\n  os.waitpid(pid, 0)")
        self.assertEqual(done.stdout.decode().count("echo hello"), 21, done.stderr)

    def test_a_chroot_under_ztshim_run(self):
        root = self.root_folder()
        done = self.ztshim_run("chroot", root, "/usr/bin/python3", "-c", self.talk(self.port))
        self.assertEqual((done.stdout, done.stderr), ("echo hello\n", ""))

    def root_folder(self):
        """A root with a system in it and this library, but not the home."""
        root = self.world.folder / f"root-{next(self.ports)}"
        mounts = []
        self.addCleanup(lambda: [subprocess.run(["umount", m], check=False) for m in reversed(mounts)])
        for name in ("usr", "lib", "lib64", "bin", "etc", "dev"):
            source = pathlib.Path("/", name)
            target = root / name
            root.mkdir(exist_ok=True)
            if source.is_symlink():
                target.symlink_to(os.readlink(source))
            elif source.is_dir():
                target.mkdir()
                if not can("mount", "--bind", str(source), str(target)):
                    self.skipTest("no mounts here")
                mounts.append(str(target))
        library = root / str(LIBRARY).lstrip("/")
        library.parent.mkdir(parents=True)
        shutil.copy(LIBRARY, library)
        return root

    def test_user_and_mount_namespaces_under_ztshim_run(self):
        if not can("unshare", "-Urm", "true"):
            self.skipTest("no user namespaces here")
        hidden = f"mount -t tmpfs none {self.node.home} && ! test -e {self.node.home}/service.sock"
        done = self.ztshim_run("unshare", "-Urmn", "sh", "-c", f"{hidden} && exec {PYTHON} -c \"{self.talk(self.port)}\"")
        self.assertEqual((done.stdout, done.stderr), ("echo hello\n", ""))

    def test_other_users_stay_out(self):
        def attempt(home):
            return subprocess.run([PYTHON, "-c", self.talk(self.port)], capture_output=True, text=True, timeout=60,
                                  check=False, user=NOBODY, group=NOBODY, extra_groups=[],
                                  env=self.node.env(LD_PRELOAD=str(LIBRARY), ZTSHIM_HOME=str(home)))
        done = attempt(self.node.home)
        self.assertEqual(done.stdout, "")
        self.assertIn("cannot be reached", done.stderr)
        self.assertIn("Network is down", done.stderr)
        # Even where the modes were opened by hand: the kernel says who connects.
        os.chmod(self.node.home, 0o755)
        os.chmod(self.node.home / "service.sock", 0o666)
        try:
            done = attempt(self.node.home)
        finally:
            os.chmod(self.node.home / "service.sock", 0o600)
            os.chmod(self.node.home, 0o700)
        self.assertEqual(done.stdout, "")
        self.assertIn("Network is down", done.stderr)

    def test_a_user_who_is_let_in(self):
        guest = self.world.node("shared")
        service = Program([ZTSHIM, "service", "--home", guest.home, "--allow-uid", NOBODY],
                          self.world.folder / "shared.log", guest.env())
        self.world.programs.append(service)
        guest.address()
        self.assertEqual((guest.home.stat().st_mode & 0o777, (guest.home / "service.sock").stat().st_mode & 0o777),
                         (0o711, 0o666))

        def attempt(user):
            return subprocess.run([PYTHON, "-c", self.talk(self.port)], capture_output=True, text=True, timeout=60,
                                  check=False, user=user, group=user, extra_groups=[],
                                  env=guest.env(LD_PRELOAD=str(LIBRARY), ZTSHIM_NETWORK=""))
        self.assertNotEqual(attempt(NOBODY - 1).stdout, "echo hello\n")
        # The networks of the home cannot be listed by a guest, so the environment names one.
        done = subprocess.run([PYTHON, "-c", self.talk(self.port)], capture_output=True, text=True, timeout=60, check=False,
                              user=NOBODY, group=NOBODY, extra_groups=[], env=guest.env(LD_PRELOAD=str(LIBRARY)))
        self.assertEqual((done.stdout, done.stderr), ("echo hello\n", ""))


class Listeners(Processes):
    """Issue 6: a program that closes everything, one that dup2's over everything, one that forks twice after
    listen, one that execs itself with the listener: all keep serving."""

    SERVE = """
        import os, socket, sys
        def serve(s, tag):
            print("up", flush=True)
            while True:
                c, _ = s.accept()
                c.sendall(tag.encode() + b" " + c.recv(100))
                c.close()
        """

    def serves(self, body, tag, *arguments, bare=False, **more):
        port = next(self.ports)
        path = self.script(textwrap.dedent(self.SERVE) + f"PORT = {port}\n" + textwrap.dedent(body))
        program = self.node.start(*arguments, PYTHON, path, **more)
        self.addCleanup(program.stop)
        program.wait_for_line("up")
        self.assertEqual(self.served_by(port, count=3), [f"{tag} x"] * 3)
        return program, port

    def test_after_closing_everything(self):
        self.serves("""
            for fd in range(3, 65536):
                try: os.close(fd)
                except OSError: pass
            serve(socket.create_server(("", PORT)), "closed")""", "closed")

    def test_after_putting_files_everywhere(self):
        self.serves("""
            s = socket.create_server(("", PORT))
            null = os.open("/dev/null", os.O_RDWR)
            for fd in range(3, 4096):
                if fd not in (s.fileno(), null): os.dup2(null, fd)
            serve(s, "everywhere")""", "everywhere")

    def test_in_the_process_that_hosts_the_service(self):
        """The service's own descriptors are pushed around while it serves."""
        node = self.world.node("host")
        port = next(self.ports)
        path = self.script(textwrap.dedent(self.SERVE) + textwrap.dedent(f"""
            s = socket.create_server(("", {port}))
            null = os.open("/dev/null", os.O_RDWR)
            limit = os.sysconf("SC_OPEN_MAX")
            for fd in range(3, limit - 64):
                if fd not in (s.fileno(), null): os.dup2(null, fd)
            for fd in range(3, limit - 64):
                if fd != s.fileno(): os.close(fd)
            serve(s, "host")"""))
        program = Program(["sh", "-c", f"ulimit -n 1024; exec env LD_PRELOAD={LIBRARY} {PYTHON} {path}"],
                          self.world.folder / "host.log", node.env())
        self.addCleanup(program.stop, signal.SIGKILL)
        program.wait_for_line("up")
        address = node.address()
        done = self.node.run(PYTHON, "-c", f"import socket; c = socket.create_connection(('{address}', {port}), 20); "
                             "c.sendall(b'x'); print(c.makefile().read())")
        self.assertEqual(done.stdout, b"host x\n", done.stderr)

    def test_after_forking_twice(self):
        port = next(self.ports)
        pid_file = self.world.folder / f"pid-{port}"
        path = self.script(textwrap.dedent(self.SERVE) + textwrap.dedent(f"""
            s = socket.create_server(("", {port}))
            if os.fork(): os._exit(0)
            os.setsid()
            if os.fork(): os._exit(0)
            open("{pid_file}.new", "w").write(str(os.getpid())); os.rename("{pid_file}.new", "{pid_file}")
            serve(s, "daemon")"""))
        program = self.node.start(PYTHON, path)
        wait_until(pid_file.exists, "the daemon")
        pid = int(pid_file.read_text())
        self.addCleanup(os.kill, pid, signal.SIGKILL)
        self.assertEqual(program.process.wait(20), 0)
        self.assertEqual(self.served_by(port, count=3), ["daemon x"] * 3)

    def test_after_becoming_itself_again(self):
        self.serves("""
            if len(sys.argv) > 1:
                serve(socket.socket(fileno=int(sys.argv[1])), "again")
            s = socket.create_server(("", PORT))
            moved = os.dup2(s.fileno(), 77, inheritable=True)
            os.closerange(3, 77)
            os.execv(sys.executable, [sys.executable, *sys.argv, "77"])""", "again")

    def test_after_becoming_itself_again_as_the_host(self):
        """The service goes on in a copy, and the new program reaches it by what it inherited: its home is none."""
        node = self.world.node("becoming")
        port = next(self.ports)
        path = self.script(textwrap.dedent(self.SERVE) + textwrap.dedent(f"""
            if len(sys.argv) > 1:
                fresh = socket.create_server(("", {port + 1000}))
                serve(socket.socket(fileno=int(sys.argv[1])), "again %d" % fresh.getsockname()[1])
            s = socket.create_server(("", {port}))
            s.set_inheritable(True)
            os.environ["ZTSHIM_HOME"] = "/nonexistent"
            os.execv(sys.executable, [sys.executable, *sys.argv, str(s.fileno())])"""))
        program = node.start(PYTHON, path)
        self.addCleanup(program.stop, signal.SIGKILL)
        program.wait_for_line("up")
        address = node.address()
        done = self.node.run(PYTHON, "-c", f"import socket; c = socket.create_connection(('{address}', {port}), 20); "
                             "c.sendall(b'x'); print(c.makefile().read())")
        self.assertEqual(done.stdout.decode(), f"again {port + 1000} x\n", done.stderr)

    def test_of_a_socket_unit(self):
        """What systemd does: the listener is fd 3, and LISTEN_FDS says so."""
        launcher = """
            s = socket.create_server(("", PORT))
            if s.fileno() != 3: os.dup2(s.fileno(), 3)
            os.set_inheritable(3, True)
            os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
            os.execv(sys.executable, [sys.executable, "-c", '''
            import os, socket
            assert (os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"]) == ("1", str(os.getpid()))
            os.closerange(4, 65536)
            s = socket.socket(fileno=3)
            print("up", flush=True)
            while True:
                c, _ = s.accept()
                c.sendall(b"unit " + c.recv(100)); c.close()
            '''.replace(chr(10) + " " * 12, chr(10))])"""
        self.serves(launcher, "unit")

    def test_of_systemd_socket_activate(self):
        tool = have("systemd-socket-activate")
        if not tool:
            self.skipTest("systemd-socket-activate is not installed")
        port = next(self.ports)
        path = self.script("""
            import os, socket
            assert os.environ["LISTEN_FDS"] == "1"
            s = socket.socket(fileno=3)
            while True:
                c, _ = s.accept()
                c.sendall(b"activated " + c.recv(100)); c.close()""")
        program = self.node.start(tool, "-l", f"0.0.0.0:{port}", "--", PYTHON, path)
        self.addCleanup(program.stop)
        program.wait_for_line("Listening on")
        self.assertEqual(self.served_by(port, count=3), ["activated x"] * 3)

    def test_of_an_inetd(self):
        """The connection is standard input and output of a program that knows nothing of sockets."""
        port = next(self.ports)
        path = self.script(f"""
            import os, socket
            s = socket.create_server(("", {port}))
            print("up", flush=True)
            while True:
                c, _ = s.accept()
                if os.fork() == 0:
                    os.dup2(c.fileno(), 0); os.dup2(c.fileno(), 1)
                    os.execv("/bin/sh", ["sh", "-c", "read -r line; echo got $line"])
                c.close()
                os.waitpid(-1, 0)""")
        program = self.node.start(PYTHON, path)
        self.addCleanup(program.stop)
        program.wait_for_line("up")
        self.assertEqual(self.served_by(port, text="x\\n", count=3), ["got x\n"] * 3)

    def test_shared_by_eight_workers(self):
        """Every connection is answered, and under load no worker goes without."""
        port, workers = next(self.ports), 8
        path = self.script(f"""
            import os, socket
            s = socket.create_server(("", {port}), backlog=256)
            for i in range({workers}):
                if os.fork() == 0:
                    while True:
                        c, _ = s.accept()
                        c.sendall(b"worker %d" % i); c.recv(1); c.close()
            print("up", flush=True)
            os.wait()""")
        program = self.node.start("setsid", PYTHON, path)
        self.addCleanup(lambda: os.killpg(program.process.pid, signal.SIGKILL))
        program.wait_for_line("up")
        # More at once than there are workers: each holds its connection until all of them are open.
        done = self.node.run(PYTHON, "-c", textwrap.dedent(f"""
            import collections, socket
            count = collections.Counter()
            for round in range(20):
                held = [socket.create_connection(("{self.address}", {port}), 30) for i in range({workers})]
                for c in held: count[c.recv(100).decode()] += 1
                for c in held: c.close()
            for c in sorted(count): print(c, count[c])"""), timeout=180)
        counts = dict(re.findall(r"(worker \d) (\d+)", done.stdout.decode()))
        self.assertEqual(sum(map(int, counts.values())), 160, done.stderr)
        self.assertEqual(len(counts), workers)
        self.assertEqual(set(counts.values()), {"20"}, "each of eight at once has one")

    def test_passed_between_strangers(self):
        port = next(self.ports)
        where = self.world.folder / f"door-{port}"
        taker = self.node.start(PYTHON, self.script(f"""
            import socket
            door = socket.socket(socket.AF_UNIX); door.bind("{where}"); door.listen()
            print("up", flush=True)
            giver, _ = door.accept()
            _, fds, _, _ = socket.recv_fds(giver, 1, 1)
            s = socket.socket(fileno=fds[0])
            print(s.getsockname()[1], flush=True)
            while True:
                c, _ = s.accept()
                c.sendall(b"taken " + c.recv(100)); c.close()"""))
        self.addCleanup(taker.stop)
        taker.wait_for_line("up")
        done = self.node.run(PYTHON, "-c", textwrap.dedent(f"""
            import socket
            s = socket.create_server(("", {port}))
            door = socket.socket(socket.AF_UNIX); door.connect("{where}")
            socket.send_fds(door, [b"x"], [s.fileno()])"""))
        self.assertEqual(done.returncode, 0, done.stderr)
        taker.wait_for_line(str(port))
        self.assertEqual(self.served_by(port, count=3), ["taken x"] * 3)


class Sockets(Processes):
    def test_the_owner_is_named(self):
        port = next(self.ports)
        server = self.echo(port)
        listed = json.loads(self.node.ztshim("sockets", "--json").stdout)
        mine = [s for s in listed if s["local"].endswith(f":{port}") and s["state"] == "LISTEN"]
        self.assertEqual([(s["pid"], s["program"]) for s in mine], [(server.process.pid, "python3")])
        table = self.node.ztshim("sockets").stdout.decode().splitlines()
        self.assertRegex(table[0], r"TYPE +STATE +RECV-Q +SEND-Q +LOCAL +PEER +PID +PROGRAM")
        self.assertTrue(any(f":{port}" in line and line.endswith("python3") for line in table), table)


if __name__ == "__main__":
    unittest.main()
