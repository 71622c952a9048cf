"""Events of a C worker beside those of a Python worker: python3 -m tests.integration.worker.events_test"""

import statistics
import time
import unittest

from tests.integration.worker.peers import Client, Listener, PythonWorker, TaskWorker
from tests.services import Redis, Session, wait_until

# Fields of which only the type is compared: they differ from one execution to the next.
FINAL = {"task-succeeded", "task-failed", "task-retried", "task-rejected", "task-revoked"}


def shape(value):
    """The type of a value, and of what is inside."""
    if isinstance(value, list):
        return [shape(v) for v in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return type(value).__name__


class EventsTest(unittest.TestCase):
    """One C and one Python worker with -E, each with a queue of its own, and one receiver."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("events")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.listener = Listener(cls.session)
        cls.addClassCleanup(cls.listener.close)
        # Nothing is heard before the receiver has subscribed.
        wait_until(lambda: cls.redis.call("PUBSUB", "NUMPAT") >= 1, 30, "the receiver")
        cls.c = TaskWorker(cls.session, "c", words=("events", "qc")).start()
        cls.py = PythonWorker(cls.session, "py", options=("-E", "-Q", "qpy", "--heartbeat-interval", "1")).start()
        cls.client = Client(cls.session)
        cls.addClassCleanup(cls.client.close)

    def run_on_both(self, task, *args, last, **options):
        """The events of one execution on each worker, as lists in order of arrival."""
        found = []
        for node, queue in ((self.c, "qc"), (self.py, "qpy")):
            task_id = self.client.send(task, *args, queue=queue, **options)
            self.listener.wait(last, uuid=task_id, hostname=node.nodename)
            found.append(self.listener.of(uuid=task_id))
        return found

    def compare(self, ours, theirs):
        self.assertEqual([e["type"] for e in ours], [e["type"] for e in theirs])
        for our, their in zip(ours, theirs):
            self.assertEqual(set(our), set(their), our["type"])
            for field in our:
                self.assertEqual(shape(our[field]), shape(their[field]), f"{our['type']}.{field}")

    def test_checklist_78_worker_events_have_all_fields(self):
        for kind in ("worker-online", "worker-heartbeat"):
            ours = self.listener.wait(kind, hostname="c@test")
            theirs = self.listener.wait(kind, hostname="py@test")
            self.assertEqual({k: shape(v) for k, v in ours.items()}, {k: shape(v) for k, v in theirs.items()})
        self.assertEqual(ours["freq"], 0.5)
        self.assertEqual(ours["sw_ident"], "celeriac")

    def test_checklist_79_events_of_a_success(self):
        ours, theirs = self.run_on_both("t.add", 1, 2, last="task-succeeded")
        self.compare(ours, theirs)
        self.assertEqual([e["type"] for e in ours], ["task-received", "task-started", "task-succeeded"])
        for field in ("name", "args", "kwargs", "retries", "eta", "expires", "parent_id", "utcoffset"):
            self.assertEqual(ours[0].get(field), theirs[0].get(field), field)
        self.assertEqual(ours[2]["result"], theirs[2]["result"])

    def test_checklist_79_events_of_a_failure(self):
        ours, theirs = self.run_on_both("t.boom", last="task-failed")
        self.compare(ours, theirs)
        self.assertEqual(ours[-1]["exception"], theirs[-1]["exception"])

    def test_checklist_79_events_of_a_retry(self):
        ours, theirs = self.run_on_both("t.flaky", last="task-succeeded")
        # The second attempt may begin before the first one's end is told.
        ours.sort(key=lambda e: e["type"])
        theirs.sort(key=lambda e: e["type"])
        self.compare(ours, theirs)
        self.assertEqual([e["type"] for e in ours], ["task-received"] * 2 + ["task-retried"] + ["task-started"] * 2
                         + ["task-succeeded"])
        self.assertEqual(ours[2]["exception"], theirs[2]["exception"])

    def test_checklist_79_events_of_an_eta(self):
        ours, theirs = self.run_on_both("t.add", 3, 4, last="task-succeeded", countdown=0.4)
        self.compare(ours, theirs)
        self.assertIsNotNone(ours[0]["eta"])

    def test_checklist_46_79_expired_is_revoked(self):
        ours, theirs = self.run_on_both("t.add", 3, 4, last="task-revoked", expires=-5)
        self.compare(ours, theirs)
        self.assertEqual([e["type"] for e in ours], ["task-revoked"])
        self.assertTrue(ours[0]["expired"])

    def test_checklist_81_clock_rises_and_is_always_there(self):
        self.run_on_both("t.add", 1, 1, last="task-succeeded")
        clocks = [e["clock"] for e in self.listener.of(hostname="c@test")]
        self.assertTrue(all(isinstance(c, int) and c > 0 for c in clocks))
        self.assertEqual(len(set(clocks)), len(clocks))
        task = [e["clock"] for e in self.listener.of(hostname="c@test", uuid=self.listener.events[-1].get("uuid"))]
        self.assertEqual(task, sorted(task))

    def test_checklist_78_heartbeats_come_under_full_load(self):
        for _ in range(2000):
            self.client.send("t.add", 1, 2, queue="qc")
        burning = [self.client.send("t.burn", 3, queue="qc") for _ in range(4)]
        start = time.time()
        for task_id in burning[:2]:
            self.listener.wait("task-started", uuid=task_id)
        for task_id in burning:
            self.listener.wait("task-succeeded", uuid=task_id, seconds=60)
        beats = [e["timestamp"] for e in self.listener.of("worker-heartbeat", hostname="c@test")
                 if e["timestamp"] > start]
        gaps = [b - a for a, b in zip(beats, beats[1:])]
        self.assertGreater(len(gaps), 4)
        # Half a second apart; a monitor gives a worker up after twice that.
        self.assertLess(statistics.median(gaps), 1.0)


class SwitchTest(unittest.TestCase):
    """Without -E; offline; Redis away."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("events-switch")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.listener = Listener(cls.session)
        cls.addClassCleanup(cls.listener.close)
        wait_until(lambda: cls.redis.call("PUBSUB", "NUMPAT") >= 1, 30, "the receiver")
        cls.client = Client(cls.session)
        cls.addClassCleanup(cls.client.close)

    def test_checklist_80_events_are_switched(self):
        c = TaskWorker(self.session, "sw").start()
        self.addCleanup(c.stop)
        first = self.client.send("t.add", 1, 2)
        self.client.get(first)
        self.assertEqual(self.client.control("enable_events", c.nodename), {"ok": "task events enabled"})
        self.assertEqual(self.client.control("enable_events", c.nodename), {"ok": "task events already enabled"})
        second = self.client.send("t.add", 1, 2)
        self.listener.wait("task-succeeded", uuid=second)
        self.assertEqual(self.client.control("disable_events", c.nodename), {"ok": "task events disabled"})
        self.assertEqual(self.client.control("disable_events", c.nodename),
                         {"ok": "task events already disabled"})
        third = self.client.send("t.add", 1, 2)
        self.client.get(third)
        self.client.control("enable_events", c.nodename)
        fourth = self.client.send("t.add", 1, 2)
        self.listener.wait("task-succeeded", uuid=fourth)
        self.assertEqual(self.listener.of(uuid=first), [])
        self.assertEqual(self.listener.of(uuid=third), [])

    def test_checklist_78_offline_on_stop_and_binding_gone(self):
        c = TaskWorker(self.session, "off").start()
        self.listener.wait("worker-online", hostname=c.nodename)
        key = "_kombu.binding.celery.pidbox"
        member = f"\x06\x16\x06\x16{c.nodename}.celery.pidbox"
        self.assertEqual(self.redis.call("SISMEMBER", key, member), 1)
        self.assertEqual(c.stop(), 0)
        self.listener.wait("worker-offline", hostname=c.nodename)
        self.assertEqual(self.redis.call("SISMEMBER", key, member), 0)

    def test_without_heartbeat_no_worker_events(self):
        c = TaskWorker(self.session, "silent", words=("noheartbeat", "events", "qs")).start()
        task_id = self.client.send("t.add", 1, 2, queue="qs")
        self.listener.wait("task-succeeded", uuid=task_id)
        self.assertEqual(c.stop(), 0)
        self.assertEqual([e for e in self.listener.of(hostname=c.nodename) if e["type"].startswith("worker-")], [])

    def test_online_again_after_redis_was_away(self):
        c = TaskWorker(self.session, "back", words=("events", "qb")).start()
        self.addCleanup(c.stop)
        self.listener.wait("worker-online", hostname=c.nodename)
        for line in self.redis.call("CLIENT", "LIST").decode().splitlines():
            client = dict(word.split("=", 1) for word in line.split(" ") if "=" in word)
            if client["name"] == "celeriac-control":
                self.redis.call("CLIENT", "KILL", "ID", client["id"])
        wait_until(lambda: len(self.listener.of("worker-online", hostname=c.nodename)) >= 2, 20,
                   "the worker to be online again")
        answer = wait_until(lambda: self.client.inspect("ping", c.nodename), 20, "an answer")
        self.assertEqual(answer, {"ok": "pong"})


class OldReceiverTest(unittest.TestCase):
    """A monitor of Celery 5.2."""

    def test_checklist_79_understands_us(self):
        with Session("events-old") as session:
            redis = Redis(session).start()
            listener = Listener(session, "celery52")
            self.addCleanup(listener.close)
            wait_until(lambda: redis.call("PUBSUB", "NUMPAT") >= 1, 30, "the receiver")
            worker = TaskWorker(session, "c", words=("events",)).start()
            client = Client(session)
            self.addCleanup(client.close)
            task = client.send("t.add", 1, 2)
            done = listener.wait("task-succeeded", uuid=task)
            self.assertEqual([e["type"] for e in listener.of(uuid=task)],
                             ["task-received", "task-started", "task-succeeded"])
            self.assertLess(abs(done["timestamp"] - time.time()), 60)
            listener.wait("worker-heartbeat", hostname=worker.nodename)
            self.assertEqual(worker.stop(), 0)
            listener.wait("worker-offline", hostname=worker.nodename)


if __name__ == "__main__":
    unittest.main(verbosity=2)
