"""The local API and the controller's, as tools use them: curl, the genuine zerotier-cli (path of the
genuine program in ZEROTIER_ONE), and our own `ztshim controller`."""
import json
import os
import subprocess
import tempfile
import unittest

from harness import SOURCE, ZTSHIM, Program, World, wait_until

GENUINE = os.environ.get("ZEROTIER_ONE", "")


def run(*arguments, stdin=b""):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ZTSHIM_")}
    return subprocess.run([str(a) for a in arguments], env=env, input=stdin, capture_output=True,
                          check=False, timeout=120)


def ztshim(home, *arguments, stdin=b""):
    return run(ZTSHIM, *arguments, "--home", home, stdin=stdin)


def facts(home, *arguments, stdin=b""):
    done = ztshim(home, *arguments, "--json", stdin=stdin)
    assert done.returncode == 0, (arguments, done.stderr)
    return json.loads(done.stdout)


class Api:
    """What a script with curl knows of a service: its home."""

    def __init__(self, home):
        self.home = home
        self.port = int((home / "zerotier-one.port").read_text())
        self.token = (home / "authtoken.secret").read_text().strip()

    def curl(self, method, path, body=None, headers=None, token=True):
        command = ["curl", "-sS", "--max-time", "20", "-X", method, "-w", "\n%{http_code}",
                   f"http://127.0.0.1:{self.port}{path}"]
        if token:
            command += ["-H", f"X-ZT1-Auth: {self.token}"]
        for header in headers or ():
            command += ["-H", header]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d",
                        body if isinstance(body, str) else json.dumps(body)]
        done = run(*command)
        assert done.returncode == 0, done.stderr
        text, _, status = done.stdout.decode().rpartition("\n")
        return int(status), text

    def get(self, path):
        status, text = self.curl("GET", path)
        assert status == 200, (path, status, text)
        return json.loads(text)

    def post(self, path, body):
        status, text = self.curl("POST", path, body)
        assert status == 200, (path, status, text)
        return json.loads(text)


class WithAWorld(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World().__enter__()
        cls.addClassCleanup(lambda: cls.world.__exit__(None, None, None))
        cls.lab = cls.world.folder / "lab"
        cls.controller = Api(cls.lab)

    def start(self, name, network=""):
        """A service on a network (by default on none); its node and API."""
        node = self.world.node(name)
        env = node.env(ZTSHIM_NETWORK=network)
        program = Program([ZTSHIM, "service", "--home", node.home, "--bind", "127.0.0.1"],
                          self.world.folder / f"{name}-service.log", env)
        self.world.programs.append(program)
        self.addCleanup(program.stop)
        wait_until(lambda: (node.home / "authtoken.secret").exists(), "the API's token")
        wait_until(lambda: run("curl", "-sS", f"http://127.0.0.1:{Api(node.home).port}/health")
                   .returncode == 0, "the API answers")
        return node, Api(node.home)

    def network_of(self, api, network):
        def look():
            status, text = api.curl("GET", f"/network/{network}")
            return json.loads(text) if status == 200 else {}
        return look()


class RestApi(WithAWorld):
    def test_status_has_the_fields_that_clients_abort_without(self):
        status = self.controller.get("/status")
        for key, kind in {"address": str, "publicIdentity": str, "online": bool, "version": str,
                          "tcpFallbackActive": bool, "versionMajor": int, "versionMinor": int,
                          "versionRev": int, "versionBuild": int, "clock": int,
                          "planetWorldId": int, "planetWorldTimestamp": int,
                          "config": dict}.items():
            self.assertIsInstance(status.get(key), kind, key)
        self.assertIn("settings", status["config"])

    def test_strangers_are_refused(self):
        self.assertEqual(self.controller.curl("GET", "/status", token=False), (401, "{}"))
        self.assertEqual(self.controller.curl("GET", "/nope", token=False), (401, "{}"))
        self.assertEqual(self.controller.curl("GET", "/status?auth=wrong", token=False), (401, "{}"))
        self.assertEqual(
            self.controller.curl("GET", f"/status?auth={self.controller.token}", token=False)[0], 200)
        self.assertEqual(self.controller.curl(
            "GET", "/status", token=False,
            headers=[f"Authorization: Bearer {self.controller.token}"])[0], 200)
        self.assertEqual(self.controller.curl("GET", "/status", headers=["Host: evil.example"])[0],
                         403)
        self.assertEqual(os.stat(self.lab / "authtoken.secret").st_mode & 0o777, 0o600)

    def test_the_port_is_the_udp_port_and_only_on_loopback(self):
        listening = run("ss", "-Hltn").stdout.decode().split()
        own = [word for word in listening if word.endswith(f":{self.controller.port}")]
        self.assertTrue(own)
        for word in own:
            self.assertTrue(word.startswith(("127.0.0.1:", "[::1]:")), word)

    def test_the_rest_of_the_local_paths(self):
        self.assertEqual(self.controller.curl("GET", "/health", token=False)[0], 200)
        self.assertEqual(self.controller.get("/peer/0123456789"), {})
        self.assertEqual(self.controller.get("/moon"), [])
        self.assertEqual(self.controller.curl("GET", "/bond/show/0123456789")[0], 400)
        self.assertEqual(self.controller.curl("GET", "/status/")[0], 404)
        self.assertEqual(self.controller.curl("DELETE", "/moon/0123456789"),
                         (200, '{"result":true}'))
        self.assertIn("ztshim_counters_datagrams_in", self.controller.curl("GET", "/metrics")[1])

    def test_ztncui_style_calls_make_a_network_and_authorise_a_member(self):
        own = self.controller.get("/status")["address"]
        network = self.controller.post(f"/controller/network/{own}______", {
            "name": "made with curl", "routes": [{"target": "10.77.0.0/24", "via": None}],
            "ipAssignmentPools": [{"ipRangeStart": "10.77.0.1", "ipRangeEnd": "10.77.0.254"}],
            "v4AssignMode": {"zt": True}})
        nwid = network["nwid"]
        self.assertTrue(nwid.startswith(own) and network["private"])
        self.assertIn(nwid, self.controller.get("/controller/network"))

        node, api = self.start("private", nwid)
        address = api.get("/status")["address"]
        wait_until(lambda: address in self.controller.get(f"/controller/network/{nwid}/member"),
                   "the member is listed")
        member = f"/controller/network/{nwid}/member/{address}"
        self.assertFalse(self.controller.get(member)["authorized"])
        wait_until(lambda: self.network_of(api, nwid).get("status") == "ACCESS_DENIED", "refused")
        # The user is told what to do about it.
        shown = ztshim(node.home, "networks")
        told = (shown.stdout + shown.stderr).decode()
        self.assertIn(address, told)
        self.assertIn(own, told)

        self.controller.post(member, {"authorized": True})
        done = wait_until(lambda: (self.network_of(api, nwid).get("status") == "OK"
                                   and self.network_of(api, nwid)), "admitted")
        self.assertEqual(self.controller.get(member)["ipAssignments"],
                         [done["assignedAddresses"][0].split("/")[0]])
        self.assertEqual(done["name"], "made with curl")
        record = self.lab / "controller.d" / "network" / nwid / "member" / f"{address}.json"
        wait_until(record.exists, "the member's record")
        self.assertEqual(os.stat(record).st_mode & 0o777, 0o600)

        # A change is pushed, and so is the end.
        self.controller.post(f"/controller/network/{nwid}", {"name": "renamed"})
        wait_until(lambda: self.network_of(api, nwid).get("name") == "renamed", "the push", 10)
        self.assertEqual(self.controller.curl("DELETE", member)[0], 200)
        self.assertEqual(self.controller.curl("GET", member), (404, ""))
        self.assertEqual(self.controller.curl("DELETE", f"/controller/network/{nwid}")[0], 200)
        self.assertEqual(self.controller.curl("GET", f"/controller/network/{nwid}"), (404, ""))
        wait_until(lambda: not record.exists(), "the records are gone")

    def test_joining_setting_and_leaving_by_curl(self):
        node, api = self.start("guest")
        nwid = self.world.network
        self.assertEqual(api.get("/network"), [])
        self.assertEqual(api.curl("GET", f"/network/{nwid}"), (404, "{}"))
        joined = api.post(f"/network/{nwid}", {"allowDNS": True})
        self.assertEqual((joined["nwid"], joined["allowDNS"], joined["allowManaged"]),
                         (nwid, True, True))
        wait_until(lambda: self.network_of(api, nwid).get("assignedAddresses"), "an address")
        conf = node.home / "networks.d" / f"{nwid}.local.conf"
        self.assertIn("allowDNS=1", conf.read_text())
        # Without managed addresses there are none, at once; and back again.
        api.post(f"/network/{nwid}", {"allowManaged": False})
        wait_until(lambda: not self.network_of(api, nwid)["assignedAddresses"], "no address")
        api.post(f"/network/{nwid}", {"allowManaged": True})
        wait_until(lambda: self.network_of(api, nwid)["assignedAddresses"], "the address again")
        self.assertTrue(self.network_of(api, nwid)["allowDNS"])
        self.assertEqual(api.curl("DELETE", f"/network/{nwid}"), (200, '{"result":true}'))
        self.assertEqual(api.curl("DELETE", f"/network/{nwid}"), (200, "{}"))
        self.assertEqual(api.get("/network"), [])
        self.assertFalse(conf.exists())

    def test_settings_of_local_conf(self):
        node, api = self.start("settings")
        self.assertEqual(api.get("/config"), {})
        self.assertEqual(api.post("/config/settings", {"softwareUpdate": "disable"}), {})
        self.assertEqual(json.loads((node.home / "local.conf").read_text()),
                         {"settings": {"softwareUpdate": "disable"}})

    def test_a_program_that_is_run_has_an_api_too(self):
        node = self.world.node("runner")
        program = Program([ZTSHIM, "run", "--home", node.home, "--", "cat"],
                          self.world.folder / "runner.log", node.env(), stdin=subprocess.PIPE)
        self.world.programs.append(program)
        self.addCleanup(program.stop)
        wait_until(lambda: (node.home / "metricstoken.secret").exists(), "the API's tokens")
        wait_until(lambda: run("curl", "-sS", f"http://127.0.0.1:{Api(node.home).port}/health")
                   .returncode == 0, "the API answers")
        self.assertEqual(Api(node.home).get("/network")[0]["id"], self.world.network)
        program.process.stdin.close()
        wait_until(lambda: not program.is_running(), "it ends with the program")
        self.assertEqual(program.process.returncode, 0)

    def test_a_service_can_do_without(self):
        home = self.world.folder / "closed"
        program = Program([ZTSHIM, "service", "--home", home, "--bind", "127.0.0.1", "--no-api"],
                          self.world.folder / "closed.log",
                          self.world.node("closed").env(ZTSHIM_NETWORK=""))
        self.world.programs.append(program)
        self.addCleanup(program.stop)
        wait_until(lambda: ztshim(home, "status").returncode == 0
                   and facts(home, "status")["running"], "the service runs")
        self.assertFalse((home / "authtoken.secret").exists())
        port = (home / "zerotier-one.port").read_text()
        self.assertNotEqual(run("curl", "-sS", f"http://127.0.0.1:{port}/health").returncode, 0)


@unittest.skipIf(not GENUINE, "ZEROTIER_ONE is not set: no genuine zerotier-cli")
class GenuineCli(WithAWorld):
    def cli(self, home, *arguments):
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        return subprocess.run([GENUINE, "-q", f"-D{home}", *arguments], env=env, check=False,
                              capture_output=True, timeout=60)

    def test_prints_status_and_peers(self):
        done = self.cli(self.lab, "status")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"200 info " + self.controller.get("/status")["address"].encode(), done.stdout)
        node, api = self.start("peer-of-lab", self.world.network)
        wait_until(lambda: self.network_of(api, self.world.network).get("assignedAddresses"),
                   "an address")
        done = self.cli(node.home, "peers")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(self.controller.get("/status")["address"], done.stdout.decode())
        self.assertIn("PLANET", done.stdout.decode())
        done = self.cli(node.home, "-j", "info")
        self.assertEqual(json.loads(done.stdout)["address"], api.get("/status")["address"])

    def test_joins_lists_sets_gets_and_leaves(self):
        node, api = self.start("driven")
        nwid = self.world.network
        self.assertIn(b"200 join OK", self.cli(node.home, "join", nwid).stdout)
        wait_until(lambda: self.network_of(api, nwid).get("assignedAddresses"), "an address")
        done = self.cli(node.home, "listnetworks")
        self.assertIn(nwid, done.stdout.decode())
        self.assertIn(" OK ", done.stdout.decode())
        self.assertIn(self.network_of(api, nwid)["assignedAddresses"][0], done.stdout.decode())
        self.assertEqual(self.cli(node.home, "set", nwid, "allowDNS=1").returncode, 0)
        self.assertTrue(self.network_of(api, nwid)["allowDNS"])
        self.assertEqual(self.cli(node.home, "get", nwid, "ip4").stdout.decode().strip(),
                         self.network_of(api, nwid)["assignedAddresses"][0].split("/")[0])
        self.assertIn(b"200 leave OK", self.cli(node.home, "leave", nwid).stdout)
        self.assertEqual(api.get("/network"), [])

    def test_lists_moons_and_any_path(self):
        done = self.cli(self.lab, "listmoons")
        self.assertEqual(json.loads(done.stdout), [])
        done = self.cli(self.lab, "/controller/network")
        self.assertIn(self.world.network, done.stdout.decode())


class Commands(WithAWorld):
    """Administration without curl."""

    def test_networks_are_made_shown_changed_and_deleted(self):
        made = facts(self.lab, "controller", "network", "create", "--name", "office", "--pool",
                     "10.88.0.0/24", "--pool6", "rfc4193", "--dns", "corp.example,10.88.0.1")
        nwid = made["id"]
        self.assertTrue(made["private"])
        self.assertEqual(made["routes"], [{"target": "10.88.0.0/24", "via": None}])
        self.assertTrue(made["v6AssignMode"]["rfc4193"])
        self.assertEqual(made["dns"], {"domain": "corp.example", "servers": ["10.88.0.1"]})
        shown = ztshim(self.lab, "controller", "network", "list").stdout.decode()
        self.assertIn("office", shown)
        changed = facts(self.lab, "controller", "network", "set", nwid, "--public", "--mtu", "1400",
                        "--route", "10.88.0.0/24", "--route", "192.168.7.0/24=10.88.0.9",
                        "--broadcast", "off", "--multicast-limit", "5", "--field",
                        'authTokens={"guest":0}')
        self.assertEqual((changed["private"], changed["mtu"], changed["name"]), (False, 1400, "office"))
        self.assertEqual(changed["routes"][1], {"target": "192.168.7.0/24", "via": "10.88.0.9"})
        self.assertEqual((changed["enableBroadcast"], changed["multicastLimit"]), (False, 5))
        self.assertEqual(changed["authTokens"], {"guest": 0})
        self.assertEqual(changed, facts(self.lab, "controller", "network", "show", nwid))
        self.assertEqual(ztshim(self.lab, "controller", "network", "delete", nwid).returncode, 0)
        done = ztshim(self.lab, "controller", "network", "show", nwid)
        self.assertEqual(done.returncode, 1)
        self.assertIn(nwid.encode(), done.stderr)

    def test_a_member_is_authorised_changed_turned_out_and_forgotten(self):
        nwid = facts(self.lab, "controller", "network", "create", "--pool", "10.89.0.0/24")["id"]
        node, api = self.start("clerk", nwid)
        address = api.get("/status")["address"]
        wait_until(lambda: facts(self.lab, "controller", "member", "list", nwid), "it has asked")
        member = ("controller", "member")
        self.assertIn(b"authorized", ztshim(self.lab, *member, "authorise", nwid, address).stdout)
        wait_until(lambda: self.network_of(api, nwid).get("status") == "OK", "admitted", 10)
        changed = facts(self.lab, *member, "set", nwid, address, "--name", "clerk", "--ip",
                        "10.89.0.77", "--tag", "5=6", "--capability", "9")
        self.assertEqual((changed["name"], changed["tags"], changed["capabilities"]),
                         ("clerk", [[5, 6]], [9]))
        wait_until(lambda: self.network_of(api, nwid)["assignedAddresses"] == ["10.89.0.77/24"],
                   "the new address is pushed", 10)
        self.assertIn(b"clerk", ztshim(self.lab, "member", "list", nwid).stdout)
        self.assertFalse(facts(self.lab, *member, "deauthorize", nwid, address)["authorized"])
        self.assertEqual(ztshim(self.lab, "member", "forget", nwid, address).returncode, 0)
        self.assertEqual(ztshim(self.lab, *member, "show", nwid, "0123456789").returncode, 1)

    def test_rules_are_compiled_and_set(self):
        nwid = facts(self.lab, "controller", "network", "create")["id"]
        source = "tag team id 7 enum 1 red default red;\n" + "".join(
            f"drop ipprotocol tcp and dport {port} and tseq team red;\n" for port in range(1, 200)
        ) + "cap all id 3 accept; ;\naccept;\n"
        file = self.world.folder / "rules"
        file.write_text(source)
        compiled = json.loads(run(ZTSHIM, "controller", "rules", "compile", file).stdout)
        self.assertEqual(len(compiled["rules"]), 4 * 199 + 1)
        self.assertEqual(compiled["tagsByName"]["team"]["enums"], {"red": 1})
        done = facts(self.lab, "controller", "rules", "set", nwid, file)
        shown = facts(self.lab, "controller", "network", "show", nwid)
        for key in ("rules", "capabilities", "tags"):
            self.assertEqual(shown[key], compiled[key])
            self.assertEqual(done[key], compiled[key])
        wrong = run(ZTSHIM, "controller", "rules", "compile", "-", stdin=b"accept\n dport x;")
        self.assertEqual(wrong.returncode, 1)
        self.assertIn(b"standard input:2:8: expected a port", wrong.stderr)
        self.assertEqual(len(wrong.stderr.splitlines()), 1)

    def test_join_takes_settings_and_changes_them(self):
        node, api = self.start("picky")
        nwid = self.world.network
        self.assertEqual(ztshim(node.home, "join", nwid, "allowDNS=1", "allowManaged=0").returncode, 0)
        network = api.get(f"/network/{nwid}")
        self.assertEqual((network["allowDNS"], network["allowManaged"]), (True, False))
        self.assertEqual(ztshim(node.home, "join", nwid, "allowManaged=1").returncode, 0)
        network = api.get(f"/network/{nwid}")
        self.assertEqual((network["allowDNS"], network["allowManaged"]), (True, True))
        self.assertEqual(ztshim(node.home, "join", nwid, "allowAll=1").returncode, 64)
        idle = self.world.folder / "idle"
        self.assertEqual(ztshim(idle, "join", nwid, "allowGlobal=1").returncode, 0)
        self.assertTrue(facts(idle, "networks")[0]["allowGlobal"])

    def test_the_example_in_the_documentation_compiles(self):
        text = (SOURCE / "docs" / "controller.md").read_text().split("## The rules language", 1)[1]
        example = text.split("```")[1].split("\n", 1)[1]
        compiled = json.loads(run(ZTSHIM, "controller", "rules", "compile", "-",
                                  stdin=example.encode()).stdout)
        self.assertEqual(compiled["tags"], [{"id": 1000, "default": 1}])
        self.assertTrue(compiled["capabilities"][0]["default"])
        self.assertEqual([rule["type"] for rule in compiled["rules"]].count("ACTION_ACCEPT"), 2)

    def test_wrong_usage_is_told_apart_from_failure(self):
        for arguments in (("network", "show", "12"), ("member", "list", "xyz"),
                          ("member", "authorize", self.world.network, "12"), ("network",),
                          ("rules", "compile")):
            done = ztshim(self.lab, "controller", *arguments)
            self.assertEqual(done.returncode, 64, (arguments, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1)
        for arguments in (("network", "set", self.world.network, "--route", "nowhere"),
                          ("network", "create", "--dns", "x,y"),
                          ("network", "create", "--assign6", "x"),
                          ("member", "set", self.world.network, "0123456789", "--tag", "x"),
                          ("network", "show", "0123456789abcdef")):
            done = ztshim(self.lab, "controller", *arguments)
            self.assertEqual(done.returncode, 1, (arguments, done.stderr))
            self.assertEqual(len(done.stderr.splitlines()), 1)
        with tempfile.TemporaryDirectory() as nobody:
            done = ztshim(nobody, "controller", "network", "list")
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"ztshim controller", done.stderr)


if __name__ == "__main__":
    unittest.main()
