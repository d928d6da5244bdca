"""A web server for scenarios: a page at once, or a stream that lasts.

usage: feed.py FOLDER PORT      /NAME: that file;  /drip/SECONDS: DRIP bytes every tenth of a second
"""
import http.server
import select
import sys

DRIP = 2_000
EVERY = 0.1  # seconds: the rate is what scenarios want, they see pauses by it


def drip(seconds):
    """What /drip/SECONDS consists of, piece by piece: every byte depends on its place."""
    for number in range(seconds * 10):
        yield f"{number:09d}\n".encode() * (DRIP // 10)


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if not self.path.startswith("/drip/"):
            return super().do_GET()
        self.send_response(200)
        self.end_headers()
        for piece in drip(int(self.path.rsplit("/", 1)[1])):
            self.wfile.write(piece)
            if select.select([self.connection], [], [], EVERY)[0]:
                break  # the client has gone: it has no more to say
        return None


def main():
    folder, port = sys.argv[1], int(sys.argv[2])

    def handler(*arguments):
        return Handler(*arguments, directory=folder)
    with http.server.ThreadingHTTPServer(("0.0.0.0", port), handler) as server:
        print("serving", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
