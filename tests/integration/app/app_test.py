"""celeriac-worker -A: python3 -m tests.integration.app.app_test"""

import json
import shutil
import signal
import subprocess
import sys
import unittest
from pathlib import Path

from tests.integration.worker.operations_test import envelope
from tests.integration.worker.peers import peer_env
from tests.services import ROOT, CeleriacWorker, Redis, Session, venvs, wait_until
from tests.services.celeriac import program
from tests.services.server import descendants

WAIT_S = 30
REFUSED = {  # the shared object, and what is said about it
    "abi": "version 3 of the interface",
    "size": "compile it again",
    "load": "no load function",
    "symbol": "no symbol celeriac_app",
    "undefined": "celeriac_of_tomorrow",
    "twice": "app.nothing is registered already",
    "silent": "silent.so: unavailable",
}


def name_of(pid: int) -> str:
    """What a process is called."""
    return Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()


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
        for path, pool in ((library("tasks"), "threads"), ("here.so", "threads"), (library("linked"), "threads"),
                           (library("tasks"), "prefork"), (library("linked"), "prefork")):
            with self.subTest(path, pool=pool):
                mark = self.dir / f"unloaded-{pool}-{path.rsplit('/', 1)[-1]}"
                worker = self.worker("-A", path, "-P", pool, "--workdir", str(self.dir), UNLOADED=str(mark))
                self.assertEqual(self.result("app.add", [40, 2])["result"], 42)
                failed = self.result("app.fail", [])
                self.assertEqual((failed["status"], failed["result"]["exc_type"], failed["result"]["exc_message"]),
                                 ("FAILURE", "KeyError", ["shop"]))
                worker.stop()
                self.assertTrue(mark.exists())
                self.redis.call("FLUSHALL")


class SettingsTest(Stage):
    """Celery's settings for tasks that say nothing themselves."""

    def app_worker(self, *options: str, **extra: str) -> CeleriacWorker:
        return self.worker("-A", library("tasks"), "--without-mingle", *options, **extra)

    def send(self, task: str, *arguments: object, queue: str = "celery") -> str:
        """Sends a message without any header that decides for itself; returns the key of its result."""
        message = envelope(list(arguments), task=task)
        self.redis.call("LPUSH", queue, message)
        return f"celery-task-meta-{json.loads(message)['headers']['id']}"

    def stuck(self) -> str:
        """A task that has begun and does not end; its key."""
        began = self.session.folder("stuck") / "began"
        key = self.send("app.stuck", str(began))
        wait_until(began.exists, WAIT_S, "the task to run")
        return key

    def test_checklist_99_results_are_ignored_but_for_errors(self):
        self.app_worker(CELERY_TASK_IGNORE_RESULT="True", CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED="True")
        added, failed = self.send("app.add", 40, 2), self.send("app.fail")
        record = json.loads(wait_until(lambda: self.redis.call("GET", failed), WAIT_S, "the failure"))
        self.assertEqual((record["status"], record["result"]["exc_type"]), ("FAILURE", "KeyError"))
        wait_until(lambda: self.redis.call("HLEN", "unacked") == 0, WAIT_S, "both to be over")
        self.assertEqual(self.redis.call("EXISTS", added), 0)

    def test_checklist_99_late_acknowledgement_and_started(self):
        """A cold stop gives the message back, and somebody else could run it; early, it is lost with its task."""
        for late in (True, False):
            # A cold stop leaves without its threads, which is no leak.
            worker = self.app_worker(CELERY_TASK_ACKS_LATE=str(late), CELERY_TASK_TRACK_STARTED="True",
                                     TSAN_OPTIONS="report_thread_leaks=0")
            key = self.stuck()
            started = json.loads(wait_until(lambda: self.redis.call("GET", key), WAIT_S, "the state"))
            self.assertEqual((started["status"], started["result"]["hostname"]), ("STARTED", worker.nodename))
            wait_until(lambda: self.redis.call("HLEN", "unacked") == late, WAIT_S, "the acknowledgement, if any")
            worker.signal(signal.SIGQUIT)
            self.assertEqual(worker.wait_end(), 0)
            self.assertEqual(self.redis.call("LLEN", "celery"), late)
            self.redis.call("FLUSHALL")

    def test_checklist_99_a_message_goes_back_at_the_hard_limit(self):
        worker = self.app_worker("--time-limit", "0.3", CELERY_TASK_ACKS_LATE="True",
                                 CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT="False")
        self.stuck()
        wait_until(lambda: worker.log_text().count("hard time limit exceeded") >= 2, WAIT_S, "the second attempt")

    def test_checklist_99_the_queue_of_one_node(self):
        """worker_direct: apply_async(queue=worker_direct(node)) reaches this worker and no other."""
        worker = self.app_worker("-Q", "other", CELERY_WORKER_DIRECT="True")
        key = self.send("app.add", 1, 2, queue=f"{worker.nodename}.dq2")
        wait_until(lambda: self.redis.call("EXISTS", key), WAIT_S, "the result")

    def test_checklist_99_without_remote_control(self):
        """A worker beside it answers, so the question was heard."""
        deaf = self.app_worker("-n", "deaf@box", CELERY_WORKER_ENABLE_REMOTE_CONTROL="False")
        self.app_worker("-n", "hears@box")
        done = subprocess.run([program("celeriac"), "inspect", "ping", "--json"], env=self.session.environment(),
                              capture_output=True, check=True, timeout=WAIT_S)
        self.assertEqual(list(json.loads(done.stdout)), ["hears@box"])
        subprocess.run([program("celeriac"), "control", "shutdown"], env=self.session.environment(),
                       capture_output=True, check=False, timeout=WAIT_S)
        self.assertTrue(deaf.alive)

    def test_checklist_99_a_rate_limit_for_all(self):
        worker = self.app_worker(CELERY_TASK_DEFAULT_RATE_LIMIT="1/h")
        for _ in range(3):
            self.send("app.add", 1, 2)
        wait_until(lambda: len(self.redis.call("KEYS", "celery-task-meta-*")) == 1, WAIT_S, "the first")
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.redis.call("LLEN", "celery"), 2)
        self.app_worker(CELERY_TASK_DEFAULT_RATE_LIMIT="1/h", CELERY_WORKER_DISABLE_RATE_LIMITS="True")
        wait_until(lambda: len(self.redis.call("KEYS", "celery-task-meta-*")) == 3, WAIT_S, "all of them")


class PythonTest(Stage):
    """What real Celery sees of these tasks; its side is in celery_side.py."""

    def side(self, pool: str) -> None:
        """All of celery_side.py's tests, with a worker that runs its tasks like that."""
        venvs.ensure("newest")
        worker = self.worker("-A", library("tasks"), "-P", pool, "-Q", "celery,c", "--result-extended")
        children = 2 if pool == "prefork" else 0
        wait_until(lambda: sum(name_of(pid) == "celeriac-child" for pid in descendants(worker.pid)) == children, WAIT_S,
                   f"{children} children")
        done = subprocess.run([str(venvs.python("newest")), "-m", "tests.integration.app.celery_side", str(self.dir), pool],
                              env=peer_env(self.session), cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"Ran \d\d? tests")

    def test_celery_as_the_other_side(self):
        self.side("threads")

    def test_celery_as_the_other_side_of_child_processes(self):
        self.side("prefork")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
