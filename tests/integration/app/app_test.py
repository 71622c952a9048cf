"""celeriac-worker -A: python3 -m tests.integration.app.app_test"""

import json
import shutil
import subprocess
import sys
import unittest

from tests.integration.worker.operations_test import envelope
from tests.integration.worker.peers import peer_env
from tests.services import ROOT, CeleriacWorker, Redis, Session, venvs, wait_until
from tests.services.celeriac import program

WAIT_S = 30
REFUSED = {  # the shared object, and what is said about it
    "abi": "version 2 of the interface",
    "size": "compile it again",
    "load": "no load function",
    "symbol": "no symbol celeriac_app",
    "undefined": "celeriac_of_tomorrow",
    "twice": "app.nothing is registered already",
    "silent": "silent.so: unavailable",
}


def library(name: str) -> str:
    """The path of one of the shared objects."""
    return program(f"app/{name}.so", "tests")


class Stage(unittest.TestCase):
    """A Redis for each test class, and nothing else: PostgreSQL is not there."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("app")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()

    def setUp(self):
        self.redis.call("FLUSHALL")
        self.dir = self.session.folder("test")

    def worker(self, *options: str, **extra: str) -> CeleriacWorker:
        """A worker that is stopped after the test."""
        worker = CeleriacWorker(self.session, concurrency=2, options=options, extra=extra)
        self.addCleanup(lambda: worker.alive and worker.stop())
        return worker.start()

    def result(self, task: str, arguments: list) -> dict:
        """The record of a task that is executed now."""
        message = envelope(arguments, task=task)
        task_id = json.loads(message)["headers"]["id"]
        self.redis.call("LPUSH", "celery", message)
        key = f"celery-task-meta-{task_id}"
        return json.loads(wait_until(lambda: self.redis.call("GET", key), WAIT_S, f"the result of {task}"))


class LoadTest(Stage):
    """What -A accepts."""

    def refused(self, path: str, code: int = 1, folder=None) -> str:
        """What a worker says that does not start; it must not have touched the queue."""
        self.redis.call("LPUSH", "celery", envelope([], task="app.nothing"))
        done = subprocess.run([program("celeriac-worker"), "-A", path], env=self.session.environment(),
                              cwd=folder or self.dir, capture_output=True, text=True, check=False, timeout=WAIT_S)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("option --app", done.stderr)
        self.assertEqual(self.redis.call("LLEN", "celery"), 1)
        self.assertFalse(self.redis.call("EXISTS", "unacked"))
        self.redis.call("DEL", "celery")
        return done.stderr

    def test_broken_ones_are_refused(self):
        for name, reason in REFUSED.items():
            with self.subTest(name):
                self.assertIn(reason, self.refused(library(name)))

    def test_what_is_no_shared_object_is_refused(self):
        self.assertIn("No such file", self.refused("./nothing.so"))
        self.assertIn("No such file", self.refused("nothing.so"))
        (self.dir / "text.so").write_text("def add(x, y):\n    return x + y\n")
        self.assertIn("text.so", self.refused("text.so"))

    def test_tasks_are_served_and_unloaded(self):
        """By a path, by a name in the working folder, and linked with a libceleriac of its own."""
        shutil.copy(library("tasks"), self.dir / "here.so")
        for path in (library("tasks"), "here.so", library("linked")):
            with self.subTest(path):
                mark = self.dir / f"unloaded-{path.rsplit('/', 1)[-1]}"
                worker = self.worker("-A", path, "--workdir", str(self.dir), UNLOADED=str(mark))
                self.assertEqual(self.result("app.add", [40, 2])["result"], 42)
                failed = self.result("app.fail", [])
                self.assertEqual((failed["status"], failed["result"]["exc_type"], failed["result"]["exc_message"]),
                                 ("FAILURE", "KeyError", ["shop"]))
                worker.stop()
                self.assertTrue(mark.exists())
                self.redis.call("FLUSHALL")


class PythonTest(Stage):
    """What real Celery sees of these tasks; its side is in celery_side.py."""

    def test_celery_as_the_other_side(self):
        venvs.ensure("newest")
        self.worker("-A", library("tasks"), "-Q", "celery,c", "--result-extended")
        done = subprocess.run([str(venvs.python("newest")), "-m", "tests.integration.app.celery_side", str(self.dir)],
                              env=peer_env(self.session), cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"Ran \d\d? tests")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
