"""Our nodes and genuine ones (ZEROTIER_ONE) behind NATs of every kind: who finds a direct path, who is
relayed. Once under our root, once under theirs."""
import concurrent.futures
import time
import unittest

from harness import wait_until
from internet import Internet
from members import Scene, why_not

DIRECT_WITHIN = 10  # seconds from the first packet


class NatPairs:
    """One internet for all tests; each test takes a pair that has not yet spoken."""

    @staticmethod
    def root(scene, host):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        cls.internet = cls.enterClassContext(Internet())
        cls.scene = cls.enterClassContext(Scene())
        root = cls.root(cls.scene, cls.internet.host("root"))
        cls.scene.make_planet(root)
        root.launch_controller()
        ours, theirs, nat = cls.scene.ours, cls.scene.theirs, cls.internet.nat
        cls.open = ours(cls.internet.host("open"))
        cls.ours = ours(nat("nat1", "port-restricted").host("ours1"))
        cls.ours_too = ours(nat("nat2", "port-restricted").host("ours2"))
        cls.theirs = theirs(nat("nat3", "port-restricted").host("their1"))
        cls.theirs_too = theirs(nat("nat4", "port-restricted").host("their2"))
        cls.twice = ours(nat("nat5", "port-restricted").nat("nat6", "port-restricted").host("twice"))
        cls.cone = ours(nat("nat7", "full-cone").host("cone"))
        cls.symmetric = ours(nat("nat8", "symmetric").host("sym1"))
        cls.their_symmetric = theirs(nat("nat9", "symmetric").host("sym2"))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(cls.bring_up, cls.scene.members[1:]))

    @classmethod
    def bring_up(cls, member):
        member.launch()
        member.address()
        member.serve()

    def meet(self, a, b):
        """A direct path in both directions, DIRECT_WITHIN from the moment the first packet arrived."""
        a.fetches_from(b)
        wait_until(lambda: a.can_fetch_from(b) and a.path_to(b) and b.path_to(a),
                   f"{a.name} and {b.name} find a direct path", DIRECT_WITHIN)
        self.assertTrue(b.can_fetch_from(a))

    def stay_relayed(self, a, b, seconds=4):
        """They talk all the time and never learn a path that does not exist."""
        a.fetches_from(b)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.assertTrue(a.can_fetch_from(b) and b.can_fetch_from(a))
            self.assertEqual((a.path_to(b), b.path_to(a)), (None, None))

    def test_ours_and_ours_behind_port_restricted_nats(self):
        self.meet(self.ours, self.ours_too)

    def test_ours_and_theirs_behind_port_restricted_nats(self):
        self.meet(self.ours, self.theirs)

    def test_theirs_and_ours_behind_port_restricted_nats(self):
        self.meet(self.theirs_too, self.ours_too)

    def test_ours_behind_a_nat_and_one_without(self):
        self.meet(self.ours, self.open)

    def test_theirs_behind_a_nat_and_ours_without(self):
        self.meet(self.open, self.theirs)

    def test_behind_two_nats_in_a_row_and_behind_one(self):
        self.meet(self.twice, self.ours_too)

    def test_theirs_and_ours_behind_two_nats_in_a_row(self):
        self.meet(self.theirs, self.twice)

    def test_symmetric_and_full_cone(self):
        self.meet(self.symmetric, self.cone)

    def test_their_symmetric_and_our_full_cone(self):
        self.meet(self.their_symmetric, self.cone)

    def test_symmetric_pairs_talk_through_the_root(self):
        pairs = [(self.symmetric, self.their_symmetric), (self.symmetric, self.ours),
                 (self.theirs_too, self.symmetric), (self.their_symmetric, self.ours_too)]
        with concurrent.futures.ThreadPoolExecutor(len(pairs)) as pool:
            for done in [pool.submit(self.stay_relayed, a, b) for a, b in pairs]:
                done.result()


@unittest.skipIf(why_not(), why_not())
class UnderOurRoot(NatPairs, unittest.TestCase):
    @staticmethod
    def root(scene, host):
        return scene.ours(host)


@unittest.skipIf(why_not(), why_not())
class UnderTheirRoot(NatPairs, unittest.TestCase):
    @staticmethod
    def root(scene, host):
        return scene.theirs(host)


if __name__ == "__main__":
    unittest.main()
