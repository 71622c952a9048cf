"""Canvases built in Python, their tasks run by C and Python workers: python3 -m tests.integration.worker.canvas_test"""

import json
import subprocess
import threading
import time
import unittest

from tests.integration.worker.peers import PythonWorker, TaskWorker, peer_env
from tests.services import ROOT, Redis, Session, venvs, wait_until

QUEUES = ("celery", "celery\x06\x163", "celery\x06\x166", "celery\x06\x169")


def outcomes(session, *names):
    """What canvases.py prints."""
    done = subprocess.run([str(venvs.python("newest")), "-m", "tests.integration.worker.canvases", *names],
                          env=peer_env(session), cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-2000:])
    return dict(json.loads(line) for line in done.stdout.splitlines())


class Fleet:
    """Redis with some workers."""

    def __init__(self, name, c=0, python=0):
        venvs.ensure("newest")
        self.session = Session(f"canvas-{name}")
        self.redis = Redis(self.session).start()
        self.c = [TaskWorker(self.session, f"c{i}", concurrency=4).start() for i in range(c)]
        self.python = [PythonWorker(self.session, f"py{i}").start() for i in range(python)]

    def close(self):
        # A sanitizer's complaints show in the exit code.
        codes = [worker.stop() for worker in self.c if worker.alive]
        self.session.close()
        if any(codes):
            raise AssertionError(f"the workers ended with {codes}")


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
        for name, expected in self.expected.items():
            with self.subTest(canvas=name):
                self.assertNotEqual(expected[0], "raised", expected)
                self.assertEqual(found[name], expected)
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

    def test_a_chord_survives_kills(self):
        fleet = Fleet("kills", c=1)
        self.addCleanup(fleet.close)
        found = {}
        client = threading.Thread(target=lambda: found.update(outcomes(fleet.session, "slow_chord")))
        client.start()
        for i in range(4):
            victim = TaskWorker(fleet.session, f"victim{i}", concurrency=4).start()
            time.sleep(0.5)
            victim.kill()
        client.join()
        self.assertEqual(found, {"slow_chord": ["SUCCESS", 300 * 299]})


if __name__ == "__main__":
    unittest.main(verbosity=2)
