"""The address of one side changes under a running connection: of our node, of a genuine one (ZEROTIER_ONE), of
the NAT before ours. The path follows, and the connection goes on."""
import concurrent.futures
import time
import unittest

from harness import wait_until
from internet import Internet
from members import Flow, Scene, why_not

FOUND_WITHIN = 30  # seconds from the change until both have a direct path again
# A genuine node looks at its addresses every 30 s; until then it has no socket on the new one.
FOUND_WITHIN_THEIRS = FOUND_WITHIN + 30
FLOW = 40  # seconds


@unittest.skipIf(why_not(), why_not())
class Roaming(unittest.TestCase):
    """All changes happen at once, each to a pair of its own."""

    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        scene = cls.enterClassContext(Scene())
        root = scene.ours(internet.host("root"))
        scene.make_planet(root)
        root.launch_controller()
        box = internet.nat("box", "port-restricted")
        ours, theirs, host = scene.ours, scene.theirs, internet.host
        # name of the test -> who moves, who stays, how it moves, how long it may take
        cls.cases = {
            "ours_and_ours": (ours(host("a1")), ours(host("a2")), Roaming.move, FOUND_WITHIN),
            "ours_and_theirs": (ours(host("b1")), theirs(host("b2")), Roaming.move, FOUND_WITHIN),
            "theirs_and_ours": (theirs(host("c1")), ours(host("c2")), Roaming.move, FOUND_WITHIN_THEIRS),
            "nat_and_theirs": (ours(box.host("d1")), theirs(host("d2")), lambda _: box.renumber(), FOUND_WITHIN),
        }
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(cls.bring_up, [m for case in cls.cases.values() for m in case[:2]]))
            cls.outcome = {name: pool.submit(cls.roam, *case) for name, case in cls.cases.items()}
            concurrent.futures.wait(cls.outcome.values())

    @staticmethod
    def bring_up(member):
        member.launch()
        member.address()
        member.serve()

    @staticmethod
    def move(member):
        member.host.move()

    @staticmethod
    def roam(moving, staying, how, limit):
        """Seconds until there was a path again, and the connections of both directions."""
        moving.fetches_from(staying)
        staying.fetches_from(moving)
        wait_until(lambda: moving.path_to(staying) and staying.path_to(moving), "they have a direct path", 10)
        before = staying.path_to(moving).split("/")[0]
        flows = [moving.is_fed_by(staying, FLOW), staying.is_fed_by(moving, FLOW)]
        how(moving)
        start = time.monotonic()

        def found_again():
            for flow in flows:
                flow.is_running()
            path = staying.path_to(moving)
            return path and path.split("/")[0] != before and moving.path_to(staying)
        wait_until(found_again, f"{staying.name} finds {moving.name} at its new address", limit)
        found = time.monotonic() - start
        wait_until(lambda: staying.can_fetch_from(moving), "a new connection to who has moved", limit)
        Flow.all_end_well(flows)
        return found, [flow.longest_pause for flow in flows]

    def check(self, name):
        found, pauses = self.outcome[name].result()
        print(f"# {name}: path after {found:.1f} s, longest pauses {pauses[0]:.1f} s and {pauses[1]:.1f} s")

    def test_our_address_changes_and_ours_finds_us(self):
        self.check("ours_and_ours")

    def test_our_address_changes_and_theirs_finds_us(self):
        self.check("ours_and_theirs")

    def test_their_address_changes_and_we_find_them(self):
        self.check("theirs_and_ours")

    def test_the_address_of_our_nat_changes_and_theirs_finds_us(self):
        self.check("nat_and_theirs")


if __name__ == "__main__":
    unittest.main()
