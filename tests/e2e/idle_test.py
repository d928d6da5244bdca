"""What it costs to be there: an idle node of ours with three peers, and a genuine one (ZEROTIER_ONE) in the same
place, each in a world of its own of genuine nodes, counted side by side."""
import concurrent.futures
import os
import time
import unittest

from harness import wait_until
from internet import Internet
from members import Scene, why_not

MINUTES = float(os.environ.get("IDLE_MINUTES", "3"))


class Place:
    """A genuine root, which is the controller too, two genuine leaves, and the node that is looked at; all have
    spoken with it once and have nothing more to say."""

    def __init__(self, internet, scene, make):
        self.root = scene.theirs(internet.host("root"))
        self.leaves = [scene.theirs(internet.host(name)) for name in ("leaf1", "leaf2")]
        self.node = make(scene)(internet.host("node"))
        self.scene = scene

    def settle(self):
        self.scene.make_planet(self.root)
        self.root.launch_controller()
        for member in (*self.leaves, self.node):
            member.launch()
        peers = [self.root, *self.leaves]
        for member in (*peers, self.node):
            member.address()
            member.serve()
        for peer in peers:
            peer.fetches_from(self.node)
            self.node.fetches_from(peer)
            wait_until(lambda: self.node.path_to(peer) and peer.path_to(self.node), "direct paths", 20)
        self.node.host.count_datagrams()

    def has_its_peers(self):
        return all(self.node.path_to(peer) for peer in (self.root, *self.leaves))


@unittest.skipIf(why_not(), why_not())
class Idle(unittest.TestCase):
    def test_ours_sends_no_more_than_theirs_in_the_same_place(self):
        ours = Place(self.enterContext(Internet()), self.enterContext(Scene()), lambda scene: scene.ours)
        theirs = Place(self.enterContext(Internet()), self.enterContext(Scene()), lambda scene: scene.theirs)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(Place.settle, (ours, theirs)))
        by_own_count = ours.node.datagrams_sent()
        end = time.monotonic() + MINUTES * 60
        wait_until(lambda: time.monotonic() > end, "the time is up", MINUTES * 60 + 5)
        sent, received = ours.node.host.sent_and_received()
        # nftables sees several datagrams that left in one system call as one; our own count does not.
        sent = max(sent, ours.node.datagrams_sent() - by_own_count)
        their_sent, their_received = theirs.node.host.sent_and_received()
        print(f"# {MINUTES:g} minutes: ours sent {sent} and received {received}, "
              f"theirs sent {their_sent} and received {their_received}", flush=True)
        if MINUTES < 8:  # without traffic for so long, leaves let their paths go
            self.assertTrue(ours.has_its_peers() and theirs.has_its_peers())
        self.assertLessEqual(sent, their_sent)
        self.assertGreater(sent, 10)  # it was there


if __name__ == "__main__":
    unittest.main()
