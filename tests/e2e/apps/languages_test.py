"""The HTTP servers that languages bring: Node.js's cluster, gunicorn, Java's HttpServer, PHP's with workers."""
import pathlib
import subprocess
import unittest

from matrix import ServerTest, needs

HERE = pathlib.Path(__file__).resolve().parent
BODY = 300_000


class Languages(ServerTest):
    """Each answers a POST with who it is and the number of bytes it got."""
    title, package = "languages' servers", "python3"

    def use(self, server, port, who):
        address = self.listening(server, port)
        body = self.folder("body") / "body"
        body.write_bytes(b"x" * BODY)
        # HTTP/1.0: a connection for each, so that the workers take turns.
        post = ["curl", "-sS", "-0", "--fail-early", "--fail", "-H", "Expect:", "-H", "Content-Type: text/plain",
                "--data-binary", f"@{body}", f"http://{address}:{port}/?[1-10]"]
        lines = "".join(self.ask_at_once(*(post for _ in range(10)))).splitlines()
        self.assertEqual(len(lines), 100)
        self.assertEqual({line.split()[1] for line in lines}, {str(BODY)})
        names = {line.split()[0] for line in lines}
        if who:
            self.assertEqual(names, {who})
        else:
            self.assertGreater(len(names), 1)  # several of the workers have answered
        self.note(f"100 requests with 300 kB" + ("" if who else f", {len(names)} workers"))

    @needs("node")
    def test_node_js_cluster(self):
        server = self.bare("node", HERE / "cluster.js", 8911)
        server.wait_for_line("serving")
        self.use(server, 8911, None)

    @needs("gunicorn")
    def test_gunicorn(self):
        folder = self.folder()
        (folder / "app.py").write_text(
            "import os\n"
            "def app(environ, start):\n"
            "    body = environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0))\n"
            "    start('200 OK', [('Content-Type', 'text/plain')])\n"
            "    return [b'%d %d\\n' % (os.getpid(), len(body))]\n")
        server = self.bare("gunicorn", "--chdir", folder, "-w", 4, "-b", "0.0.0.0:8912", "app:app")
        self.use(server, 8912, None)

    @needs("java", "javac")
    def test_java_http_server(self):
        classes = self.folder()
        subprocess.run(["javac", "-d", classes, HERE / "Serve.java"], check=True)
        server = self.bare("java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp", classes, "Serve", 8913)
        server.wait_for_line("serving")
        self.use(server, 8913, "java")

    @needs("php")
    def test_php_built_in_with_workers(self):
        folder = self.folder()
        (folder / "index.php").write_text("<?php echo getmypid(), ' ', strlen(file_get_contents('php://input')), \"\\n\";\n")
        server = self.bare("php", "-S", "0.0.0.0:8914", "-t", folder, PHP_CLI_SERVER_WORKERS="4")
        self.use(server, 8914, None)


if __name__ == "__main__":
    unittest.main()
