"""Worlds of both makes (ZEROTIER_ONE): our root for their nodes, theirs for ours, both in one planet; and
what connected nodes notice when a root dies."""
import concurrent.futures
import itertools
import unittest

from harness import wait_until
from internet import Internet
from members import Flow, Scene, why_not

FLOW = 20  # seconds that connections outlive the root
NOTICED = 2.5  # seconds without a byte: more than a busy machine may cause


def at_once(work, items):
    """Does the work for all of them concurrently; the first failure counts."""
    items = list(items)
    with concurrent.futures.ThreadPoolExecutor(max(1, len(items))) as pool:
        return [done.result() for done in [pool.submit(work, item) for item in items]]


class OneWorld:
    """Roots of some makes and two leaves of each, everybody with a web server."""

    def __init__(self, scene, internet, root_makes):
        make = {"ours": scene.ours, "theirs": scene.theirs}
        self.scene = scene
        self.roots = [make[kind](internet.host(f"root{n}")) for n, kind in enumerate(root_makes)]
        self.leaves = [make[kind](internet.host(f"{kind}{n}"))
                       for kind in ("ours", "theirs") for n in (1, 2)]

    def bring_up(self):
        self.scene.make_planet(*self.roots)
        for root in self.roots[:-1]:
            root.launch()
        self.roots[-1].launch_controller()  # the one that is not killed first
        at_once(self.bring_up_leaf, self.leaves)

    def bring_up_leaf(self, leaf):
        leaf.launch()
        leaf.address()
        leaf.serve()

    def everybody_talks_to_everybody(self):
        for a, b in itertools.permutations(self.leaves, 2):
            a.fetches_from(b)
        for a, b in itertools.permutations(self.leaves, 2):
            wait_until(lambda: a.path_to(b), f"{a.name} has a direct path to {b.name}", 10)

    def nothing_changes_without(self, root):
        """Connections that exist go on, and new ones are made, over the direct paths of before."""
        pairs = list(itertools.permutations(self.leaves, 2))
        before = [a.path_to(b) for a, b in pairs]
        ours1, ours2, theirs1, theirs2 = self.leaves
        flows = [a.is_fed_by(b, FLOW)
                 for a, b in ((ours1, ours2), (ours1, theirs1), (theirs2, ours2))]
        root.kill()
        Flow.all_end_well(flows)
        for flow in flows:
            if flow.longest_pause > NOTICED:
                raise AssertionError(f"{flow.name}: nothing for {flow.longest_pause:.1f} s")
        for a, b in pairs:
            if not a.can_fetch_from(b, limit=3):
                raise AssertionError(f"{a.name} does not reach {b.name} any more")
        after = [a.path_to(b) for a, b in pairs]
        if not all(before) or [p.split("/")[0] for p in before] != [(p or "").split("/")[0] for p in after]:
            raise AssertionError(f"paths were {before} and are {after}")


@unittest.skipIf(why_not(), why_not())
class Roots(unittest.TestCase):
    MAKES = {"our root": ["ours"], "their root": ["theirs"], "both": ["ours", "theirs"]}

    @classmethod
    def setUpClass(cls):
        cls.worlds = {}
        for name, makes in cls.MAKES.items():
            internet = cls.enterClassContext(Internet())
            cls.worlds[name] = OneWorld(cls.enterClassContext(Scene()), internet, makes)
        at_once(OneWorld.bring_up, cls.worlds.values())

    def test_1_everybody_talks_under_our_root(self):
        self.worlds["our root"].everybody_talks_to_everybody()

    def test_1_everybody_talks_under_their_root(self):
        self.worlds["their root"].everybody_talks_to_everybody()

    def test_1_everybody_talks_with_a_root_of_each_make(self):
        both = self.worlds["both"]
        both.everybody_talks_to_everybody()
        ours, theirs = both.roots
        for leaf in both.leaves:
            wait_until(lambda: leaf.path_to(ours) and leaf.path_to(theirs), f"{leaf.name} knows both roots", 15)
        self.assertTrue(ours.path_to(theirs))
        self.assertTrue(theirs.path_to(ours))

    def test_2_connected_nodes_do_not_notice_that_a_root_dies(self):
        at_once(lambda world: world.nothing_changes_without(world.roots[0]), self.worlds.values())

    def test_3_the_other_root_does_for_newcomers_what_the_dead_one_did(self):
        both = self.worlds["both"]
        host = both.scene.members[0].host.internet.host("late")
        late = both.scene.ours(host)
        both.bring_up_leaf(late)
        for leaf in both.leaves:
            late.fetches_from(leaf, 30)
            leaf.fetches_from(late, 30)


if __name__ == "__main__":
    unittest.main()
