"""C and Python workers listen to each other's events: python3 -m tests.integration.worker.gossip_test"""

import base64
import json
import time
import unittest
import uuid

from tests.integration.worker.peers import Client, PythonWorker, TaskWorker
from tests.services import Redis, Session, wait_until

SOON_S = 60
CHANNEL = "/0.celeryev/worker."
# Of events a worker makes no sense of.
NONSENSE = ("", "x", "[]", "null", "{}", "[" * 5000, '{"body": 1}')


def event(kind, node, **fields):
    """A worker's event as kombu publishes it."""
    body = {"hostname": node, "type": f"worker-{kind}", "timestamp": time.time(), "freq": 2.0, **fields}
    return json.dumps({
        "body": base64.b64encode(json.dumps(body).encode()).decode(), "content-encoding": "utf-8",
        "content-type": "application/json", "headers": {"hostname": node},
        "properties": {"delivery_mode": 1, "delivery_info": {"exchange": "celeryev", "routing_key": f"worker.{kind}"},
                       "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())}})


class GossipTest(unittest.TestCase):
    """Redis for each test, and a client."""

    def setUp(self):
        self.session = Session("gossip")
        self.addCleanup(self.session.close)
        self.redis = Redis(self.session).start()
        self.client = Client(self.session)
        self.addCleanup(self.client.close)

    def c_worker(self, name="c", *words):
        worker = TaskWorker(self.session, name, words=("debug", *words)).start()
        self.addCleanup(lambda: worker.alive and self.assertEqual(worker.stop(), 0))
        # It is ready before its control thread has subscribed.
        self.ask(worker, "ping")
        return worker

    def say(self, kind, node="x@y", **fields):
        self.redis.call("PUBLISH", CHANNEL + kind, event(kind, node, **fields))

    def ask(self, worker, command):
        """An answer, however long that takes on a machine with other things to do."""
        return wait_until(lambda: self.client.inspect(command, worker.nodename), SOON_S, "an answer")

    def clock(self, worker):
        return self.ask(worker, "clock")["clock"]

    def test_who_comes_and_goes(self):
        """In Celery's words, ours of Python's worker and Python's of ours."""
        ours = self.c_worker()
        theirs = PythonWorker(self.session, "py", options=("-l", "debug")).start()
        ours.wait_logged("py@test joined the party", SOON_S)
        theirs.wait_logged("c@test joined the party", SOON_S)
        theirs.stop()
        ours.wait_logged("py@test left", SOON_S)
        theirs = PythonWorker(self.session, "again", options=("-l", "debug")).start()
        theirs.wait_logged("c@test joined the party", SOON_S)
        self.assertEqual(ours.stop(), 0)
        theirs.wait_logged("c@test left", SOON_S)

    def test_who_is_killed_is_missed(self):
        ours = self.c_worker()
        victim = TaskWorker(self.session, "victim").start()
        theirs = PythonWorker(self.session, "py", options=("-l", "debug")).start()
        theirs.wait_logged("victim@test joined the party", SOON_S)
        ours.wait_logged("py@test joined the party", SOON_S)
        victim.kill()
        ours.wait_logged("missed heartbeat from victim@test", SOON_S)
        theirs.wait_logged("missed heartbeat from victim@test", SOON_S)
        theirs.kill()
        ours.wait_logged("missed heartbeat from py@test", SOON_S)

    def test_the_clock_follows(self):
        ours = self.c_worker()
        self.assertLess(self.clock(ours), 1000000)
        self.say("heartbeat", clock=1000000)
        wait_until(lambda: self.clock(ours) > 1000000, SOON_S, "the clock to move")
        self.say("heartbeat", clock=5)
        self.assertGreater(self.clock(ours), 1000000)
        theirs = PythonWorker(self.session, "py").start()
        wait_until(lambda: self.clock(theirs) > 1000000, SOON_S, "Python's clock to move")

    def test_whoever_has_another_time_is_told_of(self):
        ours = self.c_worker()
        self.say("heartbeat", "late@y", clock=1, timestamp=time.time() - 3600)
        ours.wait_logged("Substantial drift from late@y may mean clocks are out of sync", SOON_S)

    def test_nonsense_is_passed_over(self):
        ours = self.c_worker()
        for text in NONSENSE:
            self.redis.call("PUBLISH", CHANNEL + "heartbeat", text)
        for fields in ({"hostname": None}, {"hostname": "a" * 500}, {"type": 5}, {"type": ""}, {"freq": "x"},
                       {"freq": -1}, {"freq": 1e300}, {"clock": "x"}, {"timestamp": []}):
            self.redis.call("PUBLISH", CHANNEL + "heartbeat", event("heartbeat", "odd@y", **fields))
        self.say("elect", "rival@y", id="e1", clock=1, pid=1, topic="task", action=None)
        self.say("elect", id=None)
        self.say("heartbeat", "after@y", clock=1)
        ours.wait_logged("after@y joined the party", SOON_S)
        self.assertFalse(ours.logged("rival@y joined"))
        self.assertEqual(self.ask(ours, "ping"), {"ok": "pong"})

    def test_without_gossip(self):
        deaf = self.c_worker("deaf", "nogossip", "qd")
        hearing = self.c_worker("hearing", "qh")
        self.say("heartbeat", clock=1000000)
        wait_until(lambda: self.clock(hearing) > 1000000, SOON_S, "the other's clock to move")
        hearing.wait_logged("deaf@test joined the party", SOON_S)
        self.assertFalse(deaf.logged("joined the party"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
