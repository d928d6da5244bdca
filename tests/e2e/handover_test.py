"""The service outlives its owner: nothing that was written is lost, whichever way a program ends, and
the program's end looks as it does without us."""
import fcntl
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import unittest

from harness import World, have, wait_until

SIZE = 1 << 20

# For each connection: reads nothing before the file "go" is there (the program has ended long before
# its bytes are read), then everything, and prints length and SHA-256. The small buffer keeps most of
# the bytes where they come from.
READER = """
import hashlib, os, select, socket, sys, threading
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
listener.bind(("", int(sys.argv[1])))
listener.listen(64)
print("up", flush=True)
def read(connection):
    while not os.path.exists(sys.argv[2]):
        select.select([], [], [], 0.02)
    digest, size = hashlib.sha256(), 0
    try:
        while True:
            data = connection.recv(65536)
            if not data:
                how = "end"
                break
            digest.update(data)
            size += len(data)
    except ConnectionError as error:
        how = type(error).__name__
    print("got", size, digest.hexdigest(), how, flush=True)
while True:
    threading.Thread(target=read, args=(listener.accept()[0],), daemon=True).start()
"""

# Writes SIZE bytes as far as the socket takes them without waiting for the reader, then ends.
WRITER = """
import ctypes, os, signal, socket, sys, threading
address, port, way = sys.argv[1], int(sys.argv[2]), sys.argv[3]
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
s.connect((address, port))
data = (b"0123456789abcdef" * 65536)[:1 << 20]
s.sendall(data)
libc = ctypes.CDLL(None)
def daemonise():
    libc.daemon(0, 0)
"""


def writer(last_words):
    return WRITER + textwrap.dedent(last_words)


# Double fork: the listener's maker is gone when the first client comes.
DAEMON = """
import os, socket, sys
listener = socket.create_server(("", int(sys.argv[1])))
if os.fork() != 0:
    os._exit(0)
os.setsid()
if os.fork() != 0:
    os._exit(0)
null = os.open("/dev/null", os.O_RDWR)
for fd in range(3):
    os.dup2(null, fd)
while True:
    connection, peer = listener.accept()
    data = connection.recv(100)
    connection.sendall(data)
    connection.close()
    if data == b"end":
        os._exit(0)
"""

ASK = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(sys.argv[3].encode())
while data := s.recv(100):
    print(data.decode(), end="")
"""

ACCEPT_ALL = """
import socket, sys
listener = socket.create_server(("", int(sys.argv[1])), backlog=64)
print("up", flush=True)
held = []
while True:
    held.append(listener.accept())
"""

# Waits for the end of its connection, then makes a new socket.
HOLD = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected", flush=True)
try:
    how = len(s.recv(1))
except OSError as error:
    how = error
print("lost", how, flush=True)
start = time.monotonic()
t = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("again", time.monotonic() - start, flush=True)
t.recv(1)
"""

def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Handover(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.world.__enter__()
        cls.addClassCleanup(cls.world.__exit__, None, None, None)
        cls.far = cls.world.node("far")
        cls.far.service()
        cls.address = cls.far.address()
        cls.go = cls.world.folder / "go"
        cls.reader = cls.far.start(sys.executable, "-c", READER, "7000", cls.go)
        cls.reader.wait_for_line("up")
        cls.number = 0

    def setUp(self):
        type(self).number += 1
        self.near = self.world.node(f"near{self.number}")
        self.go.unlink(missing_ok=True)
        self.before = len(self.reports())

    def reports(self):
        return [l for l in self.reader.output().splitlines() if l.startswith("got ")]

    def assert_all_arrived(self, connections=1):
        self.go.touch()
        wait_until(lambda: len(self.reports()) >= self.before + connections, "the reader's report")
        data = (b"0123456789abcdef" * 65536)[:SIZE]
        self.assertIn(f"got {SIZE} {hashlib.sha256(data).hexdigest()} end", self.reports()[self.before:])

    def assert_copy_ends(self):
        wait_until(lambda: not self.copies(), "the copy's end")

    def copies(self):
        """Processes that have this test's home and are not the program."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "comm").read_text() == "ztshim\n" and \
                        f"ZTSHIM_HOME={self.near.home}\0" in (entry / "environ").read_text():
                    found.append(int(entry.name))
            except OSError:
                pass
        return found

    def leave(self, last_words, status=7, *prefix, connections=1):
        done = self.near.run(*prefix, sys.executable, "-c", writer(last_words), self.address, "7000", "x")
        self.assertEqual((done.returncode, done.stderr), (status, b""))
        self.assertEqual(len(self.reports()), self.before, "the program ended before its bytes were read")
        self.assert_all_arrived(connections)
        self.assert_copy_ends()
        return done

    # ---- every way out

    def test_exit(self):
        self.leave("sys.exit(7)")

    def test__exit(self):
        self.leave("os._exit(7)")

    def test__Exit(self):
        self.leave("libc._Exit(7)")

    def test_exit_group_by_syscall(self):
        self.leave("""
            numbers = {"x86_64": 231, "aarch64": 94}
            libc.syscall(numbers[os.uname().machine], 7)""")

    def test_quick_exit(self):
        self.leave("libc.quick_exit(7)")

    def test_exec_of_a_program_without_network(self):
        self.leave('os.execv("/bin/sh", ["sh", "-c", "exit 7"])')

    def test_exec_of_itself(self):
        self.leave("""
            again = "import socket, sys; s = socket.socket(); s.bind(('0.0.0.0', 0)); sys.exit(7)"
            os.execv(sys.executable, [sys.executable, "-c", again])""")

    def test_exec_with_the_socket(self):
        self.leave("""
            os.set_inheritable(s.fileno(), True)
            s.detach()
            os.execv("/bin/sh", ["sh", "-c", "exit 7"])""")

    def test_exit_in_another_thread(self):
        self.leave("""
            threading.Thread(target=os._exit, args=(7,)).start()
            signal.pause()""")

    def test__exit_in_a_signal_handler(self):
        self.leave("""
            signal.signal(signal.SIGALRM, lambda *_: os._exit(7))
            signal.setitimer(signal.ITIMER_REAL, 0.001)
            while True:
                bytearray(100)""")

    def test_the_last_thread_ends(self):
        """As pthread_exit(3) says: status 0, although a thread of ours is left."""
        self.leave("""
            threading.Thread(target=lambda: os.write(1, b"more"), daemon=True).start()
            libc.pthread_exit(None)""", 0)

    def test_by_its_handler_of_SIGTERM(self):
        self.leave("""
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
            os.kill(os.getpid(), signal.SIGTERM)""")

    def test_the_process_daemonises(self):
        self.leave("libc.daemon(0, 0)", 0)

    def test_a_fork_goes_on_and_the_parent_ends(self):
        self.leave("""
            if os.fork() == 0:
                s.close()
                os._exit(0)
            os._exit(7)""")

    def test_the_writer_itself_is_a_fork(self):
        self.leave("""
            child = os.fork()
            if child == 0:
                s.close()
                t = socket.socket()
                t.connect((address, port))
                os._exit(0)
            os.waitpid(child, 0)
            sys.exit(7)""", connections=2)

    # ---- what others see

    def test_no_child_and_no_signal_shows(self):
        """The copy is nobody's child: neither SIGCHLD nor wait() tells of it."""
        self.leave("""
            heard = []
            signal.signal(signal.SIGCHLD, lambda *_: heard.append("SIGCHLD"))
            # Fails, and the process goes on after handing over.
            with open(os.environ["ZTSHIM_HOME"] + ".bad", "wb") as bad:
                bad.write(b"\\x7fELF, but no program")
            os.chmod(bad.name, 0o755)
            try:
                os.execv(bad.name, ["bad"])
                assert False
            except OSError:
                pass
            with open(f"/proc/{os.getpid()}/task/{os.getpid()}/children") as children:
                assert children.read() == ""
            assert len(os.listdir("/proc/self/task")) == 1, "the service's thread is still here"
            t = socket.socket()  # of the copy
            t.bind(("0.0.0.0", 0))
            assert heard == [], heard
            try:
                os.waitpid(-1, os.WNOHANG)
                assert False, "a child that nobody made"
            except ChildProcessError:
                os._exit(7)""")

    def test_a_pipeline_ends_with_the_program(self):
        """The copy holds no pipe: the reader of the program's output sees the end at once."""
        command = f'"$0" -c "$1" {self.address} 7000 x | cat; echo ended'
        done = self.near.run("bash", "-c", command, sys.executable, writer("print('said'); os._exit(7)"))
        self.assertEqual((done.stdout, done.stderr), (b"said\nended\n", b""))
        self.assertEqual(len(self.reports()), self.before)
        self.assert_all_arrived()
        self.assert_copy_ends()

    def test_under_timeout(self):
        self.leave("sys.exit(7)", 7, "timeout", "100")

    def test_nothing_of_the_program_is_kept(self):
        """Files, locks, directory, session, terminal and signal handlers are not the copy's."""
        lock = self.near.world.folder / "lock"
        self.near.run(sys.executable, "-c", writer(f"""
            import fcntl
            f = open({str(lock)!r}, "w")
            fcntl.flock(f, fcntl.LOCK_EX)
            os.set_inheritable(f.fileno(), True)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.chdir({str(self.near.world.folder)!r})
            os._exit(0)"""), self.address, "7000", "x")
        [copy] = self.copies()
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        proc = pathlib.Path(f"/proc/{copy}")
        self.assertEqual(os.readlink(proc / "cwd"), "/")
        self.assertEqual((proc / "cmdline").read_bytes().strip(b"\0"), b"ztshim (handed over)")
        status = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        self.assertEqual((status[1], status[2], status[3]), ("1", str(copy), str(copy)), "parent, group, session")
        files = {os.readlink(proc / "fd" / fd) for fd in map(str, range(3))}
        self.assertEqual(files, {"/dev/null"})
        kept = [os.readlink(f) for f in (proc / "fd").iterdir()]
        self.assertEqual([k for k in kept if k == str(lock) or k.startswith("pipe") and kept.count(k) > 1], [])
        self.assert_all_arrived()
        self.assert_copy_ends()

    def test_SIGTERM_ends_the_copy_in_order(self):
        self.near.run(sys.executable, "-c", writer("os._exit(0)"), self.address, "7000", "x")
        [copy] = self.copies()
        self.assertTrue((self.near.home / "service.sock").exists())
        os.kill(copy, signal.SIGTERM)
        self.assert_copy_ends()
        self.assertFalse((self.near.home / "service.sock").exists())

    # ---- where there can be no copy: the program waits until everything has arrived

    def leave_synchronously(self, last_words, *prefix):
        self.go.touch()
        done = self.near.run(*prefix, sys.executable, "-c", writer(last_words), self.address, "7000", "x")
        self.assertEqual((done.returncode, done.stderr), (7, b""))
        self.assertEqual(self.copies(), [])
        self.assert_all_arrived()

    def test_inside_a_seccomp_filter(self):
        # Allows everything, for all threads (TSYNC): it is there, and that counts.
        self.leave_synchronously("""
            class Program(ctypes.Structure):
                _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
            allow = (ctypes.c_ubyte * 8)(*(0x06).to_bytes(2, "little"), 0, 0, *(0x7fff0000).to_bytes(4, "little"))
            assert libc.prctl(38, 1, 0, 0, 0) == 0
            program = Program(1, ctypes.addressof(allow))
            numbers = {"x86_64": 317, "aarch64": 277}
            libc.syscall.restype = ctypes.c_long
            assert libc.syscall(numbers[os.uname().machine], 1, 1, ctypes.byref(program)) == 0
            os._exit(7)""")

    def test_without_the_right_to_fork(self):
        if os.geteuid() == 0:
            self.skipTest("root may always fork")
        self.leave_synchronously("""
            import resource
            resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
            os._exit(7)""")

    def test_as_the_first_process_of_a_namespace(self):
        if subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False).returncode:
            self.skipTest("unshare -pf is not allowed here")
        self.leave_synchronously("os._exit(7)", "unshare", "-pf", "--mount-proc")

    # ---- others that use the service

    def serve(self, program):
        """Starts a server whose starter ends; true answers come from a child."""
        done = self.near.run(sys.executable, "-c", program, "7100")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return self.near.address()

    def test_a_listener_survives_its_starter(self):
        address = self.serve(DAEMON)
        for i in range(3):
            got = self.far.run(sys.executable, "-c", ASK, address, "7100", f"question {i}")
            self.assertEqual((got.stdout, got.stderr), (f"question {i}".encode(), b""))
        got = self.far.run(sys.executable, "-c", ASK, address, "7100", "end")
        self.assertEqual(got.stdout, b"end")
        self.assert_copy_ends()

    def pid_in(self, file):
        return wait_until(lambda: file.exists() and file.read_text().strip(), f"{file}")

    @unittest.skipUnless(have("redis-server") and have("redis-cli"), "needs redis")
    def test_redis_daemonises(self):
        folder = self.world.folder / f"redis{self.number}"
        folder.mkdir()
        done = self.near.run("redis-server", "--daemonize", "yes", "--port", "7200", "--protected-mode", "no",
                             "--bind", "0.0.0.0", "--dir", folder, "--pidfile", folder / "pid", "--logfile", folder / "log",
                             "--save", "")
        self.assertEqual(done.returncode, 0, done.stderr)
        pid = int(self.pid_in(folder / "pid"))
        self.addCleanup(end, pid)
        address = self.near.address()

        def ask(*words):
            done = self.far.run("redis-cli", "-h", address, "-p", "7200", *words)
            return done.stdout.decode().strip(), done.stderr
        wait_until(lambda: ask("ping") == ("PONG", b""), "redis to answer")
        self.assertEqual(ask("set", "key", "value"), ("OK", b""))
        self.assertEqual(ask("get", "key"), ("value", b""))
        ask("shutdown", "nosave")
        wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "redis's end")
        self.assert_copy_ends()

    @unittest.skipUnless(have("nginx"), "needs nginx")
    def test_nginx_daemonises_and_reloads(self):
        folder = self.world.folder / f"nginx{self.number}"
        folder.mkdir(mode=0o755)
        os.chmod(self.world.folder, 0o755)
        conf = folder / "conf"

        def configure(answer):
            conf.write_text(f"""
                daemon on; master_process on; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;
                events {{}}
                http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
                  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
                  server {{ listen 0.0.0.0:7300; location / {{ return 200 "{answer}"; }} }} }}""")
        configure("first")
        done = self.near.run(have("nginx"), "-c", conf, "-p", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        master = int(self.pid_in(folder / "pid"))
        self.addCleanup(end, master)
        address = self.near.address()

        def ask():
            return self.far.run("curl", "-sS", "--max-time", "20", f"http://{address}:7300/").stdout
        self.assertEqual([ask() for _ in range(5)], [b"first"] * 5)
        configure("second")
        os.kill(master, signal.SIGHUP)
        wait_until(lambda: ask() == b"second", "the new configuration")
        self.assertEqual([ask() for _ in range(5)], [b"second"] * 5)
        os.kill(master, signal.SIGQUIT)
        wait_until(lambda: not pathlib.Path(f"/proc/{master}").exists(), "nginx's end")
        self.assert_copy_ends()

    def test_a_new_program_uses_the_copy(self):
        self.near.run(sys.executable, "-c", writer("os._exit(0)"), self.address, "7000", "x")
        [copy] = self.copies()
        status = self.near.ztshim("status", "--json")
        done = self.near.run(sys.executable, "-c", writer("os._exit(0)"), self.address, "7000", "x")
        self.assertEqual((done.returncode, done.stderr, status.returncode), (0, b"", 0))
        self.assertEqual(self.copies(), [copy])
        self.go.touch()
        wait_until(lambda: len(self.reports()) >= self.before + 2, "both reports")
        self.assertEqual({r.split()[1] for r in self.reports()[self.before:]}, {str(SIZE)})
        self.assert_copy_ends()

    def test_after_a_killed_host_the_others_elect_another(self):
        # Nobody reads: what these programs wait for is the network's end.
        holder = self.far.start(sys.executable, "-c", ACCEPT_ALL, "7001")
        self.addCleanup(holder.stop)
        holder.wait_for_line("up")
        host = self.near.start(sys.executable, "-c", HOLD, self.address, "7001")
        host.wait_for_line("connected")
        others = [self.near.start(sys.executable, "-c", HOLD, self.address, "7001") for _ in range(4)]
        for other in others:
            other.wait_for_line("connected")
        address = json.loads(self.near.ztshim("status", "--json").stdout)["address"]
        host.process.kill()
        host.process.wait()
        for other in others:
            other.wait_for_line("again ")
            self.assertIn("lost ", other.output())
            took = float(other.output().split("again ")[1].split()[0])
            self.assertGreater(took, 0, other.output())
        self.assertEqual(json.loads(self.near.ztshim("status", "--json").stdout)["address"], address)
        for other in others:
            other.stop(signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
