"""Unmodified programs over a lab network on 127.0.0.1, as a newcomer would run them."""
import concurrent.futures
import hashlib
import os
import pathlib
import socket
import subprocess
import unittest

from harness import BUILD, Program, World, have, wait_until

MIB = 1 << 20


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(MIB):
            digest.update(block)
    return digest.hexdigest()


def random_file(path, size):
    with open(path, "wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        file.write(os.urandom(size % MIB))
    return path


class FirstLight(unittest.TestCase):
    """One lab for all tests of this file; each test has homes of its own."""

    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.site = cls.world.folder / "site"
        cls.site.mkdir()
        cls.server = cls.world.node("server")
        cls.client = cls.world.node("client")
        # Both nodes run for the whole class, so that each test begins with a network that is up.
        cls.server.service()
        cls.client.service()
        cls.address = cls.server.address()

    def start_server(self, port, *arguments, node=None, line=None, **more):
        program = (node or self.server).start(*arguments, **more)
        self.addCleanup(program.stop)
        if line:
            program.wait_for_line(line)
        return program

    def http_server(self, port):
        return self.start_server(port, "python3", "-m", "http.server", str(port), "--directory", self.site,
                                 line="Serving HTTP on")

    def curl(self, *arguments, node=None, timeout=120):
        return (node or self.client).run("curl", "-sS", "--max-time", str(timeout - 10), *arguments,
                                         timeout=timeout)

    def test_curl_fetches_a_page_from_python(self):
        (self.site / "page").write_text("a page\n")
        self.http_server(8001)
        got = self.curl(f"http://{self.address}:8001/page")
        self.assertEqual((got.returncode, got.stdout, got.stderr), (0, b"a page\n", b""))

    def test_two_hundred_downloads_twenty_at_a_time(self):
        expected = sha256_of(random_file(self.site / "blob", 300_000))
        self.http_server(8002)

        def download(_):
            got = self.curl("--fail", f"http://{self.address}:8002/blob")
            return got.returncode, hashlib.sha256(got.stdout).hexdigest(), got.stderr

        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            results = list(pool.map(download, range(200)))
        self.assertEqual([r for r in results if r != (0, expected, b"")], [])

    def test_256_mib_from_nginx(self):
        nginx = have("nginx")
        if not nginx:
            self.skipTest("nginx is not installed")
        expected = sha256_of(random_file(self.site / "big", 256 * MIB))
        work = self.world.folder / "nginx"
        work.mkdir()
        config = work / "nginx.conf"
        config.write_text(f"""
            daemon off; master_process off; pid {work}/pid; error_log {work}/error.log;
            events {{ worker_connections 64; }}
            http {{
              access_log off; sendfile on;
              client_body_temp_path {work}/body; proxy_temp_path {work}/proxy;
              fastcgi_temp_path {work}/fastcgi; uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
              server {{ listen 8003; root {self.site}; }}
            }}""")
        if os.geteuid() == 0:
            config.write_text("user root;\n" + config.read_text())
        self.start_server(8003, nginx, "-p", work, "-c", config)
        target = self.world.folder / "fetched"

        def fetched():
            got = self.curl("--fail", "-o", target, f"http://{self.address}:8003/big", timeout=300)
            return got.returncode == 0

        wait_until(fetched, "nginx answers", 120)
        self.assertEqual(sha256_of(target), expected)
        target.unlink()
        (self.site / "big").unlink()

    def netcat_transfer(self, port, sender, receiver, size):
        nc = have("nc")
        if not nc:
            self.skipTest("netcat is not installed")
        source = random_file(self.world.folder / f"sent-{port}", size)
        target = self.world.folder / f"received-{port}"
        with open(target, "wb") as out:
            listening = subprocess.Popen([nc, "-l", "-N", str(port)], stdin=subprocess.DEVNULL, stdout=out,
                                         env=receiver._shimmed({}))
        self.addCleanup(lambda: listening.poll() is None and listening.kill())
        address = receiver.address()

        def sent():
            with open(source, "rb") as data:
                done = subprocess.run([nc, "-N", address, str(port)], stdin=data, env=sender._shimmed({}),
                                      capture_output=True, timeout=300, check=False)
            return done.returncode == 0

        wait_until(sent, "netcat connects", 120)
        self.assertEqual(listening.wait(60), 0)
        self.assertEqual(sha256_of(target), sha256_of(source))
        source.unlink()
        target.unlink()

    def test_256_mib_by_netcat_to_the_server(self):
        self.netcat_transfer(8004, self.client, self.server, 256 * MIB)

    def test_256_mib_by_netcat_to_the_client(self):
        self.netcat_transfer(8005, self.server, self.client, 256 * MIB)

    def test_what_was_written_before_exit_arrives(self):
        """With a node inside the sending process itself, which ends right after its last write."""
        nc = have("nc")
        if not nc:
            self.skipTest("netcat is not installed")
        for turn in range(5):
            port = 8010 + turn
            target = self.world.folder / f"tail-{turn}"
            with open(target, "wb") as out:
                listening = subprocess.Popen([nc, "-l", "-N", str(port)], stdin=subprocess.DEVNULL,
                                             stdout=out, env=self.server._shimmed({}))
            self.addCleanup(lambda p=listening: p.poll() is None and p.kill())
            sender = self.world.node(f"short-lived-{turn}")
            text = f"last words {turn}".encode()

            def said():
                return sender.run(nc, "-N", self.address, str(port), stdin=text).returncode == 0

            wait_until(said, "netcat connects")
            self.assertEqual(listening.wait(60), 0)
            self.assertEqual(target.read_bytes(), text)

    def test_a_closed_port_refuses_at_once(self):
        got = self.curl(f"http://{self.address}:8999/")
        self.assertEqual(got.returncode, 7)
        self.assertRegex(got.stderr.decode(), "Connection refused|Couldn't connect")
        probe = self.client.run("python3", "-c", f"""
import socket
try: socket.create_connection(("{self.address}", 8999))
except OSError as error: print(type(error).__name__, error.errno)
""")
        self.assertEqual(probe.stdout, b"ConnectionRefusedError 111\n", probe.stderr)

    def test_an_address_nobody_has_is_unreachable(self):
        nobody = self.address.rsplit(".", 1)[0] + ".254"
        probe = self.client.run("python3", "-c", f"""
import errno, socket
try: socket.create_connection(("{nobody}", 80), timeout=100)
except OSError as error: print(errno.errorcode.get(error.errno, repr(error)))
""")
        self.assertIn(probe.stdout.strip(), (b"EHOSTUNREACH", b"ETIMEDOUT"), probe.stderr)

    def test_a_host_address_works_as_without_the_shim(self):
        plain = Program(["python3", "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory",
                         self.site], self.world.folder / "plain.log")
        self.addCleanup(plain.stop)
        plain.wait_for_line("Serving HTTP on")
        port = plain.output().split(" port ")[1].split()[0]
        (self.site / "plain").write_text("from the host\n")
        got = self.curl(f"http://127.0.0.1:{port}/plain")
        self.assertEqual((got.returncode, got.stdout), (0, b"from the host\n"), got.stderr)

    def test_the_server_is_not_reachable_from_the_host(self):
        self.http_server(8020)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", 8020), timeout=5)

    def test_a_server_talks_to_itself(self):
        (self.site / "self").write_text("local delivery\n")
        self.http_server(8021)
        got = self.curl(f"http://{self.address}:8021/self", node=self.server)
        self.assertEqual((got.returncode, got.stdout), (0, b"local delivery\n"), got.stderr)

    def test_a_node_inside_each_program(self):
        """The product's own way: no service beside the programs, each home hosted by its first user."""
        server, client = self.world.node("own-server"), self.world.node("own-client")
        (self.site / "own").write_text("in-process\n")
        self.start_server(8022, "python3", "-m", "http.server", "8022", "--directory", self.site, node=server,
                          line="Serving HTTP on")
        got = self.curl(f"http://{server.address()}:8022/own", node=client)
        self.assertEqual((got.returncode, got.stdout), (0, b"in-process\n"), got.stderr)

    def test_a_second_start_of_the_lab_is_the_same_world(self):
        with World(folder=self.world.folder / "twice") as first:
            before = (first.network, pathlib.Path(first.planet).read_bytes())
            self.assertEqual(first.lab.stop(), 0)
            first.start_lab()
            self.assertEqual((first.network, pathlib.Path(first.planet).read_bytes()), before)


class Library(unittest.TestCase):
    def test_needs_libc_alone(self):
        readelf = have("readelf")
        if not readelf:
            self.skipTest("readelf is not installed")
        text = subprocess.run([readelf, "-d", BUILD / "libztshim.so"], capture_output=True, check=True,
                              text=True).stdout
        needed = {line.split("[")[1].rstrip("]") for line in text.splitlines() if "(NEEDED)" in line}
        self.assertIn("libc.so.6", needed)
        self.assertLessEqual(needed, {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2",
                                      "ld-linux-aarch64.so.1"})


if __name__ == "__main__":
    unittest.main()
