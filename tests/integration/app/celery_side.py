"""Celery as the caller of the tasks in tasks.c: python -m tests.integration.app.celery_side FOLDER POOL

Runs in an environment with Celery; the broker is REDIS_URL. POOL is where the C worker runs its tasks: threads or prefork.
"""

import json
import os
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

from billiard.exceptions import WorkerLostError
from celery import Celery, chain, chord, group

from tests.integration.worker.patience import value_of

WAIT_S = 60

app = Celery("celery_side", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = True


@app.task(name="side.family", bind=True)
def family(self):
    """Who sent this task, as Python understands the message."""
    return {"parent": self.request.parent_id, "root": self.request.root_id,
            "priority": self.request.delivery_info["priority"]}


@app.task(name="side.total")
def total(numbers):
    return sum(numbers)


def call(name, *args, **kwargs):
    """Sends a task to the C worker."""
    return app.signature(name).apply_async(args, kwargs, queue="c")


def until(condition, what):
    """Waits for a condition and returns its value."""
    deadline = time.monotonic() + WAIT_S
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited for {what}")
        time.sleep(0.01)
    return value


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = Path(FOLDER)

    def gate(self, name):
        """A file that holds a task up until it is removed."""
        path = self.folder / name
        path.touch()
        self.addCleanup(lambda: path.unlink(missing_ok=True))
        return path


class ArgumentsTest(Case):
    """Arguments and their errors."""

    def test_by_position_and_by_keyword(self):
        self.assertEqual(call("app.add", 40, y=2).get(timeout=WAIT_S), 42)
        self.assertEqual(call("app.echo", "hé", -5, 0.1, True, {"a": [None]}).get(timeout=WAIT_S),
                         [3, -5, 0.1, True, {"a": [None]}])
        self.assertEqual(call("app.echo", json="x", flag=False, real=2, whole=2**62, text="").get(timeout=WAIT_S),
                         [0, 2**62, 2, False, "x"])

    def test_errors_are_those_of_python(self):
        """Where Python has a text of its own it is asked for it."""
        def add(x, y):
            return x + y
        for args, kwargs in (((1,), {}), ((1, 2), {"y": 3})):
            with self.assertRaises(TypeError) as ours:
                call("app.add", *args, **kwargs).get(timeout=WAIT_S)
            with self.assertRaises(TypeError) as python:
                add(*args, **kwargs)
            self.assertEqual(str(ours.exception),
                             str(python.exception).replace(add.__qualname__, "add"))
        with self.assertRaises(TypeError) as ours:
            call("app.add", 1, "2").get(timeout=WAIT_S)
        self.assertEqual(str(ours.exception), "add() argument 'y' must be int, not str")
        with self.assertRaises(OverflowError):
            call("app.add", 1, 2**64).get(timeout=WAIT_S)
        with self.assertRaises(KeyError) as ours:
            call("app.fail").get(timeout=WAIT_S)
        self.assertEqual(ours.exception.args, ("shop",))


class StateTest(Case):
    """update_state()."""

    def test_progress_is_seen_meanwhile(self):
        gate = self.gate("progress")
        result = call("app.tell", "PROGRESS", '{"done": 1, "of": 3}', str(gate))
        until(lambda: result.state == "PROGRESS", "the state")
        self.assertEqual(result.info, {"done": 1, "of": 3})
        self.assertFalse(result.ready())
        meta = app.backend.get_task_meta(result.id, cache=False)
        self.assertEqual((meta["name"], meta["queue"], meta["children"]), ("app.tell", "c", []))
        gate.unlink()
        self.assertEqual(result.get(timeout=WAIT_S), "told")
        self.assertEqual((result.state, result.info), ("SUCCESS", "told"))

    def test_what_is_refused(self):
        for state, meta in (("SUCCESS", "1"), ("FAILURE", "1"), ("RETRY", "1"), ("REVOKED", "1"), ("", "1"),
                            ("PROGRESS", "{"), ("PROGRESS", "1 2")):
            with self.assertRaises(ValueError, msg=(state, meta)):
                call("app.tell", state, meta, "").get(timeout=WAIT_S)

    def test_the_last_word_is_the_outcomes(self):
        seen = []
        gate = self.gate("count")

        def note(message):
            # The client hears of all the tasks that it has sent.
            if message["task_id"] == result.id:
                seen.append(message)
                gate.unlink(missing_ok=True)

        result = call("app.count", 20000, str(gate))
        result.get(timeout=WAIT_S, on_message=note)
        self.assertEqual(seen[0]["status"], "BEGUN")
        self.assertEqual(result.get(), 20000)
        steps = [message["result"]["i"] for message in seen if message["status"] == "PROGRESS"]
        self.assertEqual(steps, sorted(set(steps)))
        self.assertEqual(seen[-1]["status"], "SUCCESS")
        self.assertEqual(app.backend.get_task_meta(result.id, cache=False)["status"], "SUCCESS")

    def test_parts_of_chords_end_as_results(self):
        for _ in range(20):
            header = [app.signature("app.count", (50,), queue="c") for _ in range(5)]
            result = chord(header)(app.signature("side.total", queue="py"))
            self.assertEqual(value_of(result), 250)
            self.assertEqual({part.state for part in result.parent.results}, {"SUCCESS"})

    def test_nothing_follows_a_hard_limit(self):
        gate, after = self.gate("late"), self.folder / "after"
        result = call("app.too_late", str(gate), str(after))
        until(lambda: result.state == "FAILURE", "the limit")
        gate.unlink()
        if POOL == "threads":
            until(after.exists, "the task to go on")
        # What is written is written in order: what came before this is there.
        self.assertEqual(call("app.add", 1, 1).get(timeout=WAIT_S), 2)
        meta = app.backend.get_task_meta(result.id, cache=False)
        self.assertEqual((meta["status"], type(meta["result"]).__name__), ("FAILURE", "TimeLimitExceeded"))
        # A thread goes on with its task, a process is killed.
        self.assertEqual(after.exists(), POOL == "threads")

    def test_retries(self):
        self.assertEqual(call("app.flaky", 2).get(timeout=WAIT_S), 2)
        with self.assertRaises(OSError) as ours:
            call("app.flaky", 9).get(timeout=WAIT_S)
        self.assertEqual(ours.exception.args, ("not yet",))


class SubtasksTest(Case):
    """What tasks send."""

    def test_family(self):
        result = chain(app.signature("app.add", (1, 2), queue="c"),
                       app.signature("app.parent", ("side.family", "py"), queue="c", immutable=True)).apply_async()
        ids = value_of(result)
        self.assertEqual([child.id for child in result.children], ids)
        for child, priority in zip(result.children, (0, 3)):
            self.assertEqual(value_of(child),
                             {"parent": result.id, "root": result.parent.id, "priority": priority})

    def test_collect(self):
        result = call("app.parent", "side.family", "py")
        self.assertEqual(len(list(result.collect(timeout=WAIT_S))), 3)

    def test_canvas(self):
        canvas = chain(group(app.signature("app.add", (n, n), queue="c") for n in range(4)),
                       app.signature("side.total", queue="py"), app.signature("app.add", (100,), queue="c"))
        result = call("app.dispatch", json.dumps(canvas))
        whole = app.AsyncResult(result.get(timeout=WAIT_S))
        self.assertEqual(value_of(whole), 112)
        self.assertTrue(result.children)
        self.assertEqual(app.backend.get_task_meta(whole.id, cache=False)["status"], "SUCCESS")

    def test_a_bad_canvas_fails_the_task(self):
        with self.assertRaises(OSError):
            call("app.dispatch", '{"task": 3}').get(timeout=WAIT_S)


class ChildrenTest(Case):
    """With -P prefork: what the processes of the tasks are."""

    def child(self, result):
        """The process that runs a task."""
        return until(lambda: next((task["worker_pid"] for tasks in (app.control.inspect().active() or {}).values()
                                   for task in tasks if task["id"] == result.id), None), "the task to run")

    def test_a_process_that_dies_is_lost_with_its_task(self):
        gate = self.gate("lost")
        result = call("app.tell", "PROGRESS", "1", str(gate))
        until(lambda: result.state == "PROGRESS", "the state")
        os.kill(self.child(result), signal.SIGKILL)
        with self.assertRaises(WorkerLostError) as lost:
            result.get(timeout=WAIT_S)
        self.assertIn("signal 9 (SIGKILL)", str(lost.exception))
        self.assertEqual(call("app.add", 1, 1).get(timeout=WAIT_S), 2)

    def test_each_process_sends_over_a_connection_of_its_own(self):
        results = [call("app.parent", "side.family", "py") for _ in range(10)]
        for result in results:
            for child in value_of(result):
                self.assertEqual(value_of(app.AsyncResult(child))["parent"], result.id)


def main() -> int:
    """The tests, with a Python worker of our own beside the C one."""
    command = [sys.executable, "-m", "celery", "-A", "tests.integration.app.celery_side", "worker", "-Q", "py", "-c", "2",
               "-l", "warning", "-n", "side@test"]
    with subprocess.Popen(command) as worker:
        try:
            classes = ["ArgumentsTest", "StateTest", "SubtasksTest", *(["ChildrenTest"] if POOL == "prefork" else [])]
            program = unittest.main(verbosity=2, argv=[sys.argv[0], *classes], exit=False)
        finally:
            worker.terminate()
    return 0 if program.result.wasSuccessful() else 1


if __name__ == "__main__":
    FOLDER, POOL = sys.argv[1:]
    sys.exit(main())
