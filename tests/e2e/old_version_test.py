"""A genuine node of an old version (1.8.10 or so; ZEROTIER_ONE_OLD) with ours: in our world, as our root, and
behind a NAT."""
import itertools
import unittest

from harness import wait_until
from internet import Internet
from members import OLD, Scene, why_not

DIRECT_WITHIN = 40  # 1.6.6 needs a second push of addresses, 15 s after the first, also among its like
REASON = why_not(OLD, "ZEROTIER_ONE_OLD")


class OldVersion:
    """Two of ours and two old ones, one of each behind a NAT; who is root differs."""

    @classmethod
    def setUpClass(cls):
        internet = cls.enterClassContext(Internet())
        scene = cls.enterClassContext(Scene())
        cls.root = cls.make_root(scene, internet.host("root"))
        scene.make_planet(cls.root)
        cls.root.launch_controller()
        cls.ours = scene.ours(internet.host("ours1"))
        cls.ours_inside = scene.ours(internet.nat("box1", "port-restricted").host("ours2"))
        cls.old = scene.theirs(internet.host("old1"), binary=OLD)
        cls.old_inside = scene.theirs(internet.nat("box2", "port-restricted").host("old2"), binary=OLD)
        cls.leaves = [cls.ours, cls.ours_inside, cls.old, cls.old_inside]
        for leaf in cls.leaves:
            leaf.launch()
        for leaf in cls.leaves:
            leaf.address()
            leaf.serve()

    def test_all_pairs_talk_and_find_direct_paths(self):
        for a, b in itertools.permutations(self.leaves, 2):
            a.fetches_from(b)
        inside = (self.ours_inside, self.old_inside)
        for a, b in itertools.permutations(self.leaves, 2):
            # 1.6.6 behind a NAT takes minutes to meet others behind NATs, genuine nodes of 1.14 too.
            if self.version() < [1, 8] and a in inside and b in inside:
                continue
            wait_until(lambda: a.can_fetch_from(b) and a.path_to(b), f"{a.name} has a path to {b.name}", DIRECT_WITHIN)

    def version(self):
        return [int(part) for part in self.old.cli("-v").stdout.decode().strip().split(".")]

    def test_each_knows_what_the_other_is(self):
        self.ours.fetches_from(self.old)
        version = ".".join(map(str, self.version()))
        wait_until(lambda: self.ours.peer(self.old)["version"] == version, f"we see that it is {version}", 20)
        # Ours is that of the release whose behaviour the notes describe.
        wait_until(lambda: self.old.peer(self.ours)["version"] == "1.14.1", "it sees our version", 20)


@unittest.skipIf(REASON, REASON)
class UnderOurRoot(OldVersion, unittest.TestCase):
    @staticmethod
    def make_root(scene, host):
        return scene.ours(host)


@unittest.skipIf(REASON, REASON)
class UnderAnOldRoot(OldVersion, unittest.TestCase):
    @staticmethod
    def make_root(scene, host):
        return scene.theirs(host, binary=OLD)


if __name__ == "__main__":
    unittest.main()
