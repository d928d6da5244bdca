"""A world of both makes with many networks: two controllers, a member of each make on every network.

One planet has a root of each make; both roots are controllers and are asked over their REST interface,
which is the same. `ours` and `theirs` are the members: whatever a scenario shows, it shows between them.
"""
import concurrent.futures
import ipaddress
import itertools
import json

from harness import ZTSHIM, wait_until
from members import PORT

PAGE_PORT = 8080  # where every member's web server listens


def at_once(*work):
    """Does all of this concurrently; the first failure counts."""
    with concurrent.futures.ThreadPoolExecutor(max(1, len(work))) as pool:
        return [done.result() for done in [pool.submit(one) for one in work]]


def rest(member, method, path, body=None, limit=30):
    """The answer of a node's HTTP interface of either make, asked with an unmodified curl."""
    more = ["-d", json.dumps(body), "-H", "Content-Type: application/json"] if body is not None else []

    def asked():
        token = member.home / "authtoken.secret"
        if not token.exists():
            return None
        done = member.host.run("curl", "-sS", "--fail", "--max-time", "10", "-X", method, "-H",
                               f"X-ZT1-Auth: {token.read_text().strip()}", *more,
                               f"http://127.0.0.1:{PORT}/{path}")
        return [json.loads(done.stdout)] if done.returncode == 0 else None
    return wait_until(asked, f"{member.name} answers {method} /{path}", limit)[0]


class Network:
    """A network of one of the controllers."""

    def __init__(self, controller, number, **fields):
        self.controller, self.id = controller, f"{controller.id}{number:06x}"
        self.made_by = controller.make
        self.change(**{"name": f"n{number}", "private": False, **fields})

    def change(self, **fields):
        return rest(self.controller, "POST", f"controller/network/{self.id}", fields)

    def member(self, node, **fields):
        """The controller's record of a member, after these changes to it."""
        method, body = ("POST", fields) if fields else ("GET", None)
        return rest(self.controller, method, f"controller/network/{self.id}/member/{node.id}", body)

    def forget(self, node):
        """Deletes the controller's record of a member."""
        return rest(self.controller, "DELETE", f"controller/network/{self.id}/member/{node.id}")

    def seen_by(self, node):
        """What the node itself tells of this network; {} before it has joined."""
        return seen_by(node, self.id)

    def addresses(self, node):
        return [address.split("/")[0] for address in self.seen_by(node).get("assignedAddresses", [])]

    def address(self, node, within):
        """The node's address in a prefix; waits for it."""
        prefix = ipaddress.ip_network(within)

        def look():
            return next((a for a in self.addresses(node) if ipaddress.ip_address(a) in prefix), None)
        return wait_until(look, f"{node.name} gets an address of {within} on the network of {self.made_by}", 90)

    def counters(self, node):
        """How many frames of this network our node counts, by fate."""
        return self.seen_by(node)["counters"]


def seen_by(node, network):
    if node.make == "ours":
        status = node._json("status")
        networks = status["networks"] if status else []
    else:
        networks = node._json("listnetworks")
    return next((known for known in networks if known.get("id") == network), {})


def administer(controller, *words):
    """`ztshim network …` or `ztshim member …` at a controller of ours."""
    done = controller.host.run(ZTSHIM, *words, env=controller.env())
    if done.returncode != 0:
        raise AssertionError(f"ztshim {' '.join(words)}: {done.stderr.decode()}")


def join(node, network):
    identifier = getattr(network, "id", network)
    done = node.ztshim("join", identifier) if node.make == "ours" else node.cli("join", identifier)
    if done.returncode != 0:
        raise AssertionError(f"{node.name} cannot join {identifier}: {done}")


class MixedWorld:
    """Two controllers, of which one is ours and one is theirs, and two members."""

    def __init__(self, scene, internet):
        self.scene, self.internet = scene, internet
        hosts = [internet.host(name) for name in ("ourroot", "theirroot", "ours", "theirs")]
        self.our_root, self.their_root, self.ours, self.theirs = at_once(
            *(lambda make=make, host=host: make(host)
              for make, host in zip((scene.ours, scene.theirs) * 2, hosts)))
        self.theirs.host.sysctl("net.ipv6.conf.all.disable_ipv6=0", "net.ipv6.conf.default.disable_ipv6=0")
        self.members = [self.ours, self.theirs]

    def bring_up(self):
        self.scene.make_planet(self.our_root, self.their_root)
        at_once(self.our_root.launch_controller, self.their_root.launch)
        self.scene.network = None  # the first network of our controller is nobody's here
        at_once(self.ours.launch, self.theirs.launch)
        at_once(*(lambda node=node: wait_until(node.is_online, f"{node.name} is online")
                  for node in self.members))

    def networks(self, number, **fields):
        """The same network at both controllers, its subnet "10.{number}.MAKE" where fields say SUBNET."""
        made = []
        for make, controller in ((1, self.our_root), (2, self.their_root)):
            text = json.dumps(fields).replace("SUBNET", f"10.{number}.{make}").replace("MAKE", str(make))
            made.append(Network(controller, number, **json.loads(text)))
        return made

    def join(self, *networks):
        """Both members join them all."""
        at_once(*(lambda node=node: [join(node, network) for network in networks] for node in self.members))

    def both_ways(self):
        return (self.ours, self.theirs), (self.theirs, self.ours)

    def serve(self, *ports, families=("0.0.0.0", "::")):
        """Unmodified web servers on every member; those of IPv6 listen 1000 ports further up."""
        def one(node, port, bind):
            program = node.start("python3", "-u", "-m", "http.server", port + 1000 * (bind == "::"), "--bind", bind,
                                 "--directory", self.scene.site)
            program.wait_for_line("Serving HTTP on")
        at_once(*(lambda at=at: one(*at) for at in itertools.product(self.members, ports, families)))

    def fetches(self, client, address, port=PAGE_PORT, limit=4):
        """Does one unmodified curl get the page from there?"""
        is_six = ":" in address
        target = f"http://[{address}]:{port + 1000}/page" if is_six else f"http://{address}:{port}/page"
        done = client.run("curl", "-sS", "--fail", "--max-time", limit, target)
        return done.returncode == 0 and done.stdout == (self.scene.site / "page").read_bytes()

    def must_fetch(self, client, address, port=PAGE_PORT, limit=60):
        wait_until(lambda: self.fetches(client, address, port),
                   f"{client.name} fetches a page from {address} port {port}", limit)

    def must_not_fetch(self, client, address, port, open_port=PAGE_PORT, limit=30):
        """Refused while the same client gets the page from another port of the same server."""
        def refused():
            closed, opened = at_once(lambda: self.fetches(client, address, port, 2),
                                     lambda: self.fetches(client, address, open_port))
            return opened and not closed
        wait_until(refused, f"{client.name} does not reach {address} port {port}, but port {open_port}", limit)
