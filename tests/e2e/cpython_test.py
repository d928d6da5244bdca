"""CPython's own tests of sockets and of everything it builds on them, unchanged, on a virtual loopback.

Each module runs twice at the same time: on the kernel's loopback and with the library and ZTSHIM_LOOPBACK=virtual. What
fails under the library must fail without it on the same machine, too, or be explained here.
"""
import os
import re
import subprocess
import tempfile
import unittest

from harness import LIBRARY, World, have

# Debian's, whose package the tests are.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else have("python3")

# What regrtest is asked for: seconds until it counts as hanging, and more arguments.
# socketserver wants the network for its own loopback; no other module may go out.
# VSOCK is none of ours, and its loopback hangs on kernels that have half of it.
MODULES = {
    "test_socket": (120, ["-i", "*VSOCK*"]),
    "test_select": (60, []),
    "test_selectors": (90, []),
    "test_epoll": (60, []),
    "test_poll": (60, []),
    "test_socketserver": (60, ["-u", "network"]),
    "test_httplib": (60, []),
    "test_ftplib": (60, []),
    "test_smtplib": (60, []),
    "test_asyncore": (60, []),
    "test_ssl": (180, []),
    "test_asyncio": (400, []),
}

# Failures of ours: pattern of test ids -> the reason (docs/differences.md).
URGENT = "sends urgent data, which lwIP does not have: MSG_OOB is refused"
BUFFER = ("counts on an SO_SNDBUF of a few KiB: a stream's buffer is never smaller than 256 KiB, so that the service can show a "
          "reset, and takes the whole file before the peer's close is known")
EXPLAINED = {
    r"test\.test_asyncore\.TestAPI_UseIPv[46](Poll|Select)\.test_handle_expt": URGENT,
    r"test\.test_ftplib\.TestFTPClass\.test_abort": URGENT,
    r"test\.test_asyncio\.test_sendfile\.(EPoll|Poll|Select)EventLoopTests\."
    r"test_sendfile_(fallback_)?close_peer_in_the_middle_of_receiving": BUFFER,
}


def reason_of(test):
    return next((reason for pattern, reason in EXPLAINED.items() if re.fullmatch(pattern, test)), None)


class Outcome:
    def __init__(self, output, hung):
        self.output, self.hung = output, hung
        self.failed = set(re.findall(r"^(?:FAIL|ERROR): \S+ \((\S+?)\)", output, re.M))
        self.passed = set(re.findall(r"^\S+ \((test\.\S+)\).* \.\.\. ok$", output, re.M)) - self.failed
        self.ran = sum(int(n) for n in re.findall(r"^Ran (\d+) tests", output, re.M))


class CPython(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not PYTHON or subprocess.run([PYTHON, "-c", "import test.test_socket, test.test_asyncio"], capture_output=True,
                                        check=False).returncode != 0:
            raise unittest.SkipTest("Python's own tests are not installed (libpython3.11-testsuite)")
        cls.world = World().__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.node = cls.world.node("python")
        cls.count = cls.failures = 0

    @classmethod
    def tearDownClass(cls):
        print(f"# {cls.count} of CPython's tests ran on the virtual loopback; {cls.failures} fail there and not on the kernel's, "
              "all explained", flush=True)

    def start(self, module, folder, env):
        limit, arguments = MODULES[module]
        command = [PYTHON, "-m", "test", "-v", "--timeout", str(limit), "--tempdir", folder, *arguments, module]
        with open(os.path.join(folder, "output"), "wb") as output:
            return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                    cwd=folder)

    def finish(self, module, folder, process):
        hung = False
        try:
            process.wait(MODULES[module][0] + 20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hung = True
        with open(os.path.join(folder, "output"), errors="replace") as output:
            text = output.read()
        return Outcome(text, hung or re.search(r"^Timeout \(|\.\.\. Timeout \(", text, re.M) is not None)


def compare(self, module):
    plain = self.node.env()
    shimmed = self.node.env(LD_PRELOAD=str(LIBRARY), ZTSHIM_LOOPBACK="virtual", ZTSHIM_NETWORK="")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        kernel_process, process = self.start(module, one, plain), self.start(module, two, shimmed)
        kernel, virtual = self.finish(module, one, kernel_process), self.finish(module, two, process)
    self.assertFalse(kernel.hung, f"{module} hangs without the library:\n{kernel.output[-3000:]}")
    self.assertFalse(virtual.hung, f"{module} hangs:\n{virtual.output[-3000:]}")
    self.assertGreater(virtual.ran, 0, virtual.output[-3000:])
    self.assertEqual(virtual.ran, kernel.ran, "not the same tests")
    new = virtual.failed - kernel.failed
    unexplained = {test for test in new if reason_of(test) is None}
    details = "\n".join(part for part in virtual.output.split("=" * 70) if any(test in part for test in unexplained))
    self.assertEqual(unexplained, set(), details[-6000:])
    needless = {test for test in virtual.passed if reason_of(test) is not None}
    self.assertEqual(needless, set(), "explained as failures, and pass")
    type(self).count += virtual.ran
    type(self).failures += len(new)


for name in MODULES:
    setattr(CPython, name, lambda self, module=name: compare(self, module))
