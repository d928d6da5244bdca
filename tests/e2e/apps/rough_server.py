"""A server that does to its descriptors and processes what servers do to them: rough_server.py WAY PORT."""
import os
import resource
import socket
import sys
import threading


def listen(port):
    return socket.create_server(("", port))


def every_number():
    return range(3, min(65536, resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


def put_null_over_everything(kept):
    null = os.open("/dev/null", os.O_RDWR)
    for number in every_number():
        if number not in (null, kept):
            try:
                os.dup2(null, number, inheritable=False)
            except OSError:  # a number that cannot be had
                pass
    for number in every_number():
        if number != kept:
            try:
                os.close(number)
            except OSError:
                pass


def close_one_by_one(kept):
    for number in range(3, 65536):
        if number != kept:
            try:
                os.close(number)
            except OSError:
                pass


def leave_the_parent():
    if os.fork():
        os._exit(0)


def serve(listener, say):
    def answer(connection):
        with connection:
            while line := connection.recv(4096):
                connection.sendall(say + b" " + line)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def main():
    way, port = sys.argv[1], int(sys.argv[2])
    if way == "closes-all-first":
        os.closerange(3, 65536)
        listener = listen(port)
    elif way == "closes-one-by-one":
        listener = listen(port)
        close_one_by_one(listener.fileno())
    elif way == "closes-all-but-its-own":
        listener = listen(port)
        os.closerange(3, listener.fileno())
        os.closerange(listener.fileno() + 1, 65536)
    elif way == "dups-over-everything":
        listener = listen(port)
        put_null_over_everything(listener.fileno())
    elif way == "double-forks":
        listener = listen(port)
        leave_the_parent()
        os.setsid()
        leave_the_parent()
    elif way == "execs-itself":
        listener = listen(port)
        listener.set_inheritable(True)
        os.execv(sys.executable, [sys.executable, __file__, "inherited", str(port), str(listener.fileno())])
    elif way == "inherited":
        listener = socket.socket(fileno=int(sys.argv[3]))
    serve(listener, way.encode())


main()
