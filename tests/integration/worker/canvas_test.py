"""Canvases built in Python, their tasks run by C and Python workers: python3 -m tests.integration.worker.canvas_test"""

import json
import re
import socket
import subprocess
import threading
import time
import unittest

from tests.integration.worker.peers import Client, PythonWorker, TaskWorker, peer_env
from tests.services import ROOT, Redis, Session, venvs, wait_until

# What is played while C workers are killed, with every message acknowledged late.
WITH_KILLS = ("chord_thousand", "linked", "chained", "chain_with_retry", "errback", "chain_errback", "grouped",
              "chord_of_chains", "chord_of_chords", "nested_groups", "linked_chain_and_chord", "chord_fails", "mapped")
KILLS = 8
LATE = {"PEER_LATE": "1"}
COMPRESSED = {"PEER_RESULT_COMPRESSION": "gzip"}

QUEUES = ("celery", "celery\x06\x163", "celery\x06\x166", "celery\x06\x169")


def outcomes(session, *names, **extra):
    """What canvases.py prints; extra: added to its environment."""
    done = subprocess.run([str(venvs.python("newest")), "-m", "tests.integration.worker.canvases", *names],
                          env={**peer_env(session), **extra}, cwd=ROOT, capture_output=True, text=True, timeout=900,
                          check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return dict(json.loads(line) for line in done.stdout.splitlines())


class Fleet:
    """Redis with some workers."""

    def __init__(self, name, c=0, python=0, extra=None):
        venvs.ensure("newest")
        self.session = Session(f"canvas-{name}")
        self.redis = Redis(self.session).start()
        self.c = [TaskWorker(self.session, f"c{i}", concurrency=4, extra=extra).start() for i in range(c)]
        self.python = [PythonWorker(self.session, f"py{i}", extra=extra).start() for i in range(python)]

    def close(self):
        # A sanitizer's complaints show in the exit code.
        codes = [worker.stop() for worker in self.c if worker.alive]
        self.session.close()
        if any(codes):
            raise AssertionError(f"the workers ended with {codes}")


class LateSubscriptions:
    """A way to Redis on which subscriptions arrive late, as if the server had served others first.

    seconds: how late; None: when the record that is subscribed to is stored, so that it was announced to nobody.
    """

    def __init__(self, redis, seconds=1):
        self._redis = redis
        self._seconds = seconds
        self._server = ("127.0.0.1", redis.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self._server)
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _hold(self, data):
        if self._seconds is not None:
            time.sleep(self._seconds)
            return
        for key in re.findall(rb"celery-task-meta-[-0-9a-f]+", data):
            wait_until(lambda key=key: self._redis.call("EXISTS", key), 60, "a record")

    def _pass_on(self, source, sink):
        with source, sink:
            try:
                while data := source.recv(65536):
                    if b"\r\nSUBSCRIBE\r\n" in data:
                        self._hold(data)
                    sink.sendall(data)
            except OSError:
                pass


class CanvasTest(unittest.TestCase):
    """Each fleet must come to what a fleet of Python workers alone comes to."""

    @classmethod
    def setUpClass(cls):
        fleet = Fleet("python", python=2)
        cls.addClassCleanup(fleet.close)
        cls.expected = outcomes(fleet.session)
        for worker in fleet.python:
            worker.stop()

    def compare(self, fleet):
        found = outcomes(fleet.session)
        self.assertGreater(len(found), 25)
        self.judge(fleet, found, self.expected)

    def judge(self, fleet, found, names):
        for name in names:
            with self.subTest(canvas=name):
                self.assertNotEqual(self.expected[name][0], "raised", self.expected[name])
                self.assertEqual(found[name], self.expected[name])
        for key in (*QUEUES, "unacked", "unacked_index"):
            wait_until(lambda key=key: not fleet.redis.call("EXISTS", key), 20, f"{key} is empty")

    def test_checklist_70_to_77_c_alone(self):
        fleet = Fleet("c", c=2)
        self.addCleanup(fleet.close)
        self.compare(fleet)
        left = [key for key in fleet.redis.call("KEYS", "*.j")]
        # What a failed chord has left expires by itself, as Celery leaves it.
        self.assertLessEqual(len(left), 3)

    def test_checklist_75_c_and_python(self):
        fleet = Fleet("mixed", c=1, python=1)
        self.addCleanup(fleet.close)
        self.compare(fleet)

    def test_results_that_python_compresses(self):
        """Parts of chords, results and headers of groups, as written by Python and joined by either."""
        fleet = Fleet("compressed", c=1, python=1, extra=COMPRESSED)
        self.addCleanup(fleet.close)
        found = outcomes(fleet.session, **COMPRESSED)
        self.judge(fleet, found, self.expected)
        kept = [fleet.redis.call("GET", key) for key in fleet.redis.call("KEYS", "celery-task-meta-*")]
        self.assertTrue(any(record.startswith(b"\0celery-compressed\0") for record in kept))
        self.assertTrue(any(record.startswith(b"{") for record in kept))

    def test_a_map_of_an_unknown_task_is_for_others(self):
        """Python's own tasks are mapped by Python, however often a C worker meets the message."""
        fleet = Fleet("strange-map", c=1)
        self.addCleanup(fleet.close)
        client = Client(fleet.session)
        self.addCleanup(client.close)
        sent = [client.send("celery.map", {"task": "t.python_only", "args": []}, [i, 1]) for i in range(20)]
        fleet.c[0].wait_logged("task received", 60)
        wait_until(lambda: fleet.redis.call("LLEN", "celery") == 20, 60, "all to be back")
        PythonWorker(fleet.session, "late").start()
        for i, task_id in enumerate(sent):
            self.assertEqual(client.get(task_id), {"state": "SUCCESS", "value": [i + 1, 2]})

    def test_a_map_of_an_unknown_task_fails_where_all_is_ours(self):
        fleet = Fleet("fail-map")
        self.addCleanup(fleet.close)
        worker = TaskWorker(fleet.session, "c", words=("fail-unknown",)).start()
        self.addCleanup(worker.stop)
        self.assertEqual(outcomes(fleet.session, "strange_map"),
                         {"strange_map": ["FAILURE", "NotRegistered", "t.nobodys"]})

    def test_the_client_bears_a_late_subscription(self):
        fleet = Fleet("late", c=1)
        self.addCleanup(fleet.close)
        way = LateSubscriptions(fleet.redis)
        self.addCleanup(way.close)
        self.assertEqual(outcomes(fleet.session, "awaited", REDIS_URL=way.url()), {"awaited": ["SUCCESS", 3]})

    def test_who_subscribes_too_late_is_told_once_more(self):
        """Celery's own waiting, which looks once and then relies on what is announced."""
        fleet = Fleet("missed", c=1)
        self.addCleanup(fleet.close)
        way = LateSubscriptions(fleet.redis, None)
        self.addCleanup(way.close)
        self.assertEqual(outcomes(fleet.session, "awaited_once", REDIS_URL=way.url()),
                         {"awaited_once": [["SUCCESS", 3], ["SUCCESS", 9], ["FAILURE", "ChordError"]]})

    def play_with_kills(self, scenario, expected):
        fleet = Fleet(f"kills-{scenario}", c=1)
        self.addCleanup(fleet.close)
        found = {}
        client = threading.Thread(target=lambda: found.update(outcomes(fleet.session, scenario)))
        client.start()
        for i in range(4):
            victim = TaskWorker(fleet.session, f"victim{i}", concurrency=4).start()
            time.sleep(0.5)
            victim.kill()
        client.join()
        self.assertEqual(found, {scenario: ["SUCCESS", expected]})

    def test_canvases_shared_with_python_survive_kills(self):
        """Each C worker is killed as soon as it holds something, and replaced; the last one stays."""
        fleet = Fleet("kills-mixed", python=1, extra=LATE)
        self.addCleanup(fleet.close)
        found = {}
        client = threading.Thread(target=lambda: found.update(outcomes(fleet.session, *WITH_KILLS)))
        killed = 0
        for i in range(KILLS):
            victim = TaskWorker(fleet.session, f"victim{i}", concurrency=4, extra=LATE).start()
            if i == 0:
                client.start()
            wait_until(lambda victim=victim: victim.logged("task received") or not client.is_alive(), 600, "work")
            killed += victim.logged("task received")
            victim.kill()
        fleet.c.append(TaskWorker(fleet.session, "last", concurrency=4, extra=LATE).start())
        client.join()
        self.judge(fleet, found, WITH_KILLS)
        self.assertGreater(killed, 0)

    def test_a_chord_survives_kills(self):
        self.play_with_kills("slow_chord", 300 * 299)

    def test_a_chord_with_groups_survives_kills(self):
        self.play_with_kills("slow_nested", 5 * 50 * 99)


if __name__ == "__main__":
    unittest.main(verbosity=2)
