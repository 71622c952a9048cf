"""Tasks in child processes that crash, hang and leave, as Python's AsyncResult and Celery's tools see it:
python3 -m tests.integration.worker.prefork_test"""

import json
import os
import re
import signal
import unittest

from tests.integration.worker.peers import Client, Listener
from tests.services import Redis, Server, Session, wait_until
from tests.services.celeriac import program


HANGS = r"hangs at its start and is killed pid=(\d+)"


class PreforkWorker(Server):
    """The worker of prefork_worker.c. words: its settings."""

    def __init__(self, session: Session, name: str, words: tuple[str, ...] = ()):
        super().__init__(session, name)
        self._words = words

    @property
    def nodename(self) -> str:
        return f"{self.name}@test"

    def command(self) -> list[str]:
        return [program("prefork_worker", "tests"), self.nodename, *self._words]

    def ready(self) -> bool:
        return self.logged(r"\bready hostname")

    def found(self, pattern: str) -> list[str]:
        """What PATTERN, or its group, is in the log each time."""
        return re.findall(pattern, self.log_text())


def lives(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Stage(unittest.TestCase):
    """Redis, Celery's client, and a worker of each test's own."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("prefork")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.client = Client(cls.session)
        cls.addClassCleanup(cls.client.close)

    def worker(self, *words: str) -> PreforkWorker:
        """A worker that runs until the test ends; its exit code counts, as sanitizers speak by it."""
        worker = PreforkWorker(self.session, self.id().rsplit(".", 1)[1].replace("test_", "")[:40], words)
        worker.start()
        self.addCleanup(self._stop, worker)
        return worker

    def _stop(self, worker: PreforkWorker) -> None:
        if worker.alive:
            code = worker.stop()
            if code != 0:
                worker.print_log()
            self.assertEqual(code, 0)
            self.assertFalse(worker.logged("Sanitizer:"))

    def watched(self, *words: str) -> tuple[PreforkWorker, Listener]:
        """A worker that tells its events, and one who hears them."""
        worker = self.worker("events", *words)
        listener = Listener(self.session)
        self.addCleanup(listener.close)
        listener.wait("worker-heartbeat", 60, hostname=worker.nodename)
        return worker, listener

    def run_task(self, name, *args, **options):
        """State and value of a task that is sent now."""
        return self.client.get(self.client.send(name, *args, **options))

    def control(self, worker, name, **arguments):
        """The worker's answer to a control command."""
        return self.client.control(name, worker.nodename, arguments, limit=1, timeout=20)

    def inspect(self, worker, name):
        """Its answer to an inspect command, once it listens."""
        def answer():
            found = self.client.inspect(name, worker.nodename, limit=1, timeout=2)
            return found is not None and (found,)
        return wait_until(answer, 60, "an answer")[0]

    def held(self, *names):
        """Starts p.hold as often as there are names; returns what ends each, and the tasks' ids."""
        files = [self.session.folder("hold") / f"{self.id()}-{name}" for name in names]
        for file in files:
            file.touch()
            self.addCleanup(file.unlink, missing_ok=True)
        return files, [self.client.send("p.hold", str(file)) for file in files]

    def result(self, task_id):
        """The record of a task as it is in Redis; empty when there is none."""
        return json.loads(self.redis.call("GET", f"celery-task-meta-{task_id}") or "{}")

    def pids(self, worker, count):
        """The children's process ids, once there are as many."""
        def processes():
            found = self.inspect(worker, "stats")["pool"]["processes"]
            return found if len(found) == count else None
        return wait_until(processes, 30, f"{count} children")

    def active(self, worker, task_id):
        """What the worker tells of a task, once it runs."""
        def entry():
            for task in self.inspect(worker, "active"):
                if task["id"] == task_id:
                    return task
            return None
        return wait_until(entry, 30, "the task to run")


class OutcomeTest(Stage):
    """Tasks that end by themselves."""

    def test_outcomes_travel(self):
        worker = self.worker()
        children = self.pids(worker, 2)
        self.assertEqual(self.run_task("p.add", 2, 3), {"state": "SUCCESS", "value": 5})
        self.assertEqual(self.run_task("p.boom"), {"state": "FAILURE", "value": "ValueError('kaboom')"})
        self.assertEqual(self.run_task("p.flaky"), {"state": "SUCCESS", "value": 1})
        self.assertEqual(self.run_task("p.add", "x"), {
            "state": "FAILURE", "value": 'TypeError("add() argument \'x\' must be int, not str")'})
        pid = self.run_task("p.pid")["value"]
        self.assertIn(pid, children)
        self.assertNotEqual(pid, worker.pid)

    def test_large_messages_travel(self):
        self.worker()
        for length in (1, 65536, 3_000_000):
            value = {"text": "x" * length, "list": [1, None, True, 2.5]}
            self.assertEqual(self.run_task("p.identity", value)["value"], value)

    def test_states_and_subtasks(self):
        self.worker()
        task = self.client.send("p.tell", 1)
        told = wait_until(lambda: self.result(task).get("status") == "PROGRESS" and self.result(task), 30, "a state")
        self.assertEqual(told["result"], {"done": 0.5})
        self.assertEqual(self.client.get(task), {"state": "SUCCESS", "value": "slept"})
        parent = self.client.send("p.parent")
        child = self.client.get(parent)["value"]
        self.assertEqual(self.client.get(child), {"state": "SUCCESS", "value": 23})
        self.assertEqual(self.result(parent)["children"], [[[child, None], None]])
        self.assertEqual(self.result(child)["parent_id"], parent)

    def test_checklist_59_a_child_serves_so_many_tasks(self):
        worker = self.worker("concurrency=1", "tasks=2")
        pids = [self.run_task("p.pid")["value"] for _ in range(5)]
        self.assertEqual(pids[0], pids[1])
        self.assertEqual(pids[2], pids[3])
        self.assertEqual(len(set(pids)), 3)
        self.pids(worker, 1)
        self.assertEqual(self.inspect(worker, "stats")["pool"]["max-tasks-per-child"], 2)

    def test_checklist_59_a_child_that_has_used_much_memory_is_replaced(self):
        worker = self.worker("concurrency=1", "memory=400000")
        first = self.run_task("p.pid")["value"]
        self.assertEqual(self.run_task("p.pid")["value"], first)
        self.assertEqual(self.run_task("p.eat", 450000)["value"], first)
        self.assertNotEqual(self.run_task("p.pid")["value"], first)
        self.assertTrue(worker.logged("exceeding memory limit"))

    def test_a_start_that_fails_is_repeated(self):
        flag = self.session.folder("flag") / "fail"
        flag.touch()
        worker = self.worker("concurrency=1", f"fail={flag}")
        task = self.client.send("p.add", 1, 1)
        wait_until(lambda: worker.logged("cannot start.*not yet"), 30, "a failed start")
        flag.unlink()
        self.assertEqual(self.client.get(task), {"state": "SUCCESS", "value": 2})


    def test_a_start_that_hangs_is_given_up(self):
        flag = self.session.folder("hang") / "hang"
        flag.touch()
        worker = self.worker("concurrency=1", f"hang={flag}", "start_ms=300")
        task = self.client.send("p.pid")
        wait_until(lambda: len(worker.found(HANGS)) >= 2, 30, "two children given up")
        self.assertEqual(self.result(task), {})
        flag.unlink()
        child = self.client.get(task)["value"]
        self.assertEqual(self.pids(worker, 1), [child])
        given_up = [int(pid) for pid in worker.found(HANGS)]
        self.assertEqual(len(set(given_up)), len(given_up))
        for pid in given_up:
            wait_until(lambda pid=pid: not lives(pid), 30, "the end of a child that was given up")

    def test_a_start_that_hangs_does_not_hold_a_stop(self):
        flag = self.session.folder("hang") / "hang"
        flag.touch()
        worker = self.worker("concurrency=2", f"hang={flag}")
        self.client.send("p.add", 1, 1)
        with self.redis.client() as redis:
            wait_until(lambda: redis.call("HLEN", "unacked") == 1, 30, "the message to be taken")
            self.assertEqual(worker.stop(), 0)
            self.assertEqual((redis.call("LLEN", "celery"), redis.call("HLEN", "unacked")), (1, 0))
            redis.call("DEL", "celery")

    def test_what_no_child_has_looked_at_goes_back(self):
        flag = self.session.folder("flag") / "fail"
        for name in ("p.identity", "p.identity_late"):
            worker = self.worker("concurrency=1", f"fail={flag}")
            child = self.pids(worker, 1)[0]
            os.kill(child, signal.SIGSTOP)
            task = self.client.send(name, 7)
            self.active(worker, task)
            flag.touch()
            os.kill(child, signal.SIGKILL)
            worker.wait_logged("cannot start.*not yet")
            self.assertEqual(worker.stop(), 0)
            self.assertEqual(len(worker.found("no child process could take a task")), 1)
            with self.redis.client() as redis:
                self.assertEqual((redis.call("LLEN", "celery"), redis.call("HLEN", "unacked")), (1, 0))
            flag.unlink()
            worker = self.worker("concurrency=1")
            self.assertEqual(self.client.get(task), {"state": "SUCCESS", "value": 7})
            self.assertEqual(worker.stop(), 0)


class LostTest(Stage):
    """Tasks that take their process with them."""

    def test_checklist_57_lost_with_celerys_words(self):
        self.worker("concurrency=1")
        for job, (task, args, how) in enumerate((
                ("p.segfault", (), "signal 11 (SIGSEGV)"), ("p.die", (9,), "signal 9 (SIGKILL)"),
                ("p.die", (6,), "signal 6 (SIGABRT)"), ("p.die_late", (11,), "signal 11 (SIGSEGV)"),
                ("p.exit", (3,), "exitcode 3"), ("p.exit", (0,), "exitcode 0"),
                ("p.close", (), "exitcode 1"), ("p.babble", (30,), "signal 9 (SIGKILL)"))):
            self.assertEqual(self.run_task(task, *args), {
                "state": "FAILURE",
                "value": f"WorkerLostError('Worker exited prematurely: {how} Job: {job}.')"}, task)
        self.assertEqual(self.run_task("p.add", 1, 2)["value"], 3)

    def test_only_one_child_is_lost(self):
        worker = self.worker("concurrency=2")
        before = set(self.pids(worker, 2))
        (file,), (running,) = self.held("running")
        self.active(worker, running)
        self.assertEqual(self.run_task("p.die", 11)["state"], "FAILURE")
        file.unlink()
        self.assertEqual(self.client.get(running), {"state": "SUCCESS", "value": "held"})
        after = wait_until(lambda: set(self.pids(worker, 2)) - before and set(self.pids(worker, 2)), 30, "a new child")
        self.assertEqual(len(before & after), 1)

    def test_checklist_57_reject_on_worker_lost_runs_again(self):
        self.worker("concurrency=1")
        self.assertEqual(self.run_task("p.die_once"), {"state": "SUCCESS", "value": "lived"})

    def test_an_idle_child_that_dies_costs_no_task(self):
        worker = self.worker("concurrency=2")
        for pid in self.pids(worker, 2):
            os.kill(pid, signal.SIGKILL)
        tasks = [self.client.send("p.add", n, n) for n in range(6)]
        self.assertEqual([self.client.get(task)["value"] for task in tasks], [0, 2, 4, 6, 8, 10])

    def test_an_idle_child_that_dies_is_replaced_at_once(self):
        worker = self.worker("concurrency=2")
        before = self.pids(worker, 2)
        os.kill(before[0], signal.SIGKILL)

        def replaced():
            now = self.pids(worker, 2)
            return before[0] not in now and now
        now = wait_until(replaced, 30, "another child")
        self.assertIn(before[1], now)
        self.assertEqual(len(worker.found("an idle child process has died")), 1)
        found = {self.run_task("p.pid")["value"] for _ in range(10)}
        self.assertLessEqual(found, set(now))
        self.assertEqual(worker.found("was lost with its task"), [])

    def test_events_tell_of_the_loss(self):
        _, listener = self.watched()
        task = self.client.send("p.die", 11)
        event = listener.wait("task-failed", uuid=task)
        self.assertRegex(event["exception"], r"^WorkerLostError\('Worker exited prematurely: signal 11 \(SIGSEGV\)")


class LimitTest(Stage):
    """Tasks that take too long."""

    def test_hard_limit_kills(self):
        worker = self.worker("concurrency=1")
        for task in ("p.sleep", "p.stubborn"):
            child = self.pids(worker, 1)[0]
            self.assertEqual(self.run_task(task, 600, time_limit=0.3),
                             {"state": "FAILURE", "value": "TimeLimitExceeded(0.3)"})
            wait_until(lambda pid=child: not lives(pid), 30, "the child's end")
        self.assertEqual(self.run_task("p.add", 1, 2)["value"], 3)

    def test_hard_limit_of_the_worker(self):
        worker = self.worker("limit_ms=300", "soft_ms=100")
        self.assertEqual(self.run_task("p.sleep", 600), {"state": "FAILURE", "value": "TimeLimitExceeded(0.3)"})
        self.pids(worker, 2)
        self.assertEqual(self.inspect(worker, "stats")["pool"]["timeouts"], [0.1, 0.3])

    def test_hard_limit_of_a_stopped_process(self):
        worker = self.worker("concurrency=1")
        os.kill(self.pids(worker, 1)[0], signal.SIGSTOP)
        self.assertEqual(self.run_task("p.identity", "x" * 3_000_000, time_limit=0.5),
                         {"state": "FAILURE", "value": "TimeLimitExceeded(0.5)"})

    def test_hard_limit_of_a_task_that_never_stops_telling(self):
        self.worker("concurrency=1")
        self.assertEqual(self.run_task("p.flood", time_limit=0.5),
                         {"state": "FAILURE", "value": "TimeLimitExceeded(0.5)"})

    def test_soft_limit_interrupts_who_waits_later(self):
        self.worker()
        self.assertEqual(self.run_task("p.soft_late", soft_time_limit=0.2), {"state": "SUCCESS", "value": "cleaned up"})

    def test_soft_limit_interrupts(self):
        self.worker()
        self.assertEqual(self.run_task("p.soft", soft_time_limit=0.2), {"state": "SUCCESS", "value": "cleaned up"})


class ControlTest(Stage):
    """Remote control."""

    def test_terminate(self):
        worker, listener = self.watched("concurrency=1")
        for name, options, signum in (("p.sleep", {}, 15), ("p.stubborn", {"signal": "SIGKILL"}, 9)):
            task = self.client.send(name, 600)
            entry = self.active(worker, task)
            self.assertEqual(entry["worker_pid"], self.pids(worker, 1)[0])
            reply = self.control(worker, "revoke", task_id=task, terminate=True, **options)
            self.assertEqual(reply, {"ok": f"terminate: {task}"})
            self.assertEqual(self.client.get(task), {"state": "REVOKED", "value": "TaskRevokedError('terminated')"})
            event = listener.wait("task-revoked", uuid=task)
            self.assertEqual((event["terminated"], event["signum"], event["expired"]), (True, signum, False))
            wait_until(lambda pid=entry["worker_pid"]: not lives(pid), 30, "the child's end")
        reply = self.control(worker, "revoke", task_id="nobody", terminate=True)
        self.assertEqual(reply, {"ok": "terminate: tasks unknown"})
        self.assertEqual(self.run_task("p.add", 1, 2)["value"], 3)

    def test_terminate_by_stamp(self):
        worker = self.worker("concurrency=1")
        task = self.client.send("p.sleep", 600, headers={"stamped_headers": ["s"], "stamps": {"s": ["v"]}})
        self.active(worker, task)
        reply = self.control(worker, "revoke_by_stamped_headers", headers={"s": ["v"]}, terminate=True)
        self.assertEqual(reply, {"ok": "headers {'s': ['v']} revoked"})
        self.assertEqual(self.client.get(task), {"state": "REVOKED", "value": "TaskRevokedError('terminated')"})

    def test_stats(self):
        worker = self.worker("concurrency=3")
        children = self.pids(worker, 3)
        pool = self.inspect(worker, "stats")["pool"]
        self.assertEqual(pool["implementation"], "celeriac.pool:prefork")
        self.assertEqual((pool["max-concurrency"], pool["max-tasks-per-child"], pool["timeouts"]), (3, "N/A", [0, 0]))
        for pid in children:
            with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
                self.assertEqual(comm.read(), "celeriac-child\n")

    def test_grow_and_shrink(self):
        worker = self.worker("concurrency=1")
        first = self.pids(worker, 1)
        self.assertEqual(self.control(worker, "pool_grow", n=2), {"ok": "pool will grow"})
        grown = self.pids(worker, 3)
        self.assertEqual(self.control(worker, "pool_shrink", n=2), {"ok": "pool will shrink"})
        left = self.pids(worker, 1)
        self.assertLess(set(left), set(grown) | set(first))
        for pid in set(grown) - set(left):
            wait_until(lambda pid=pid: not lives(pid), 30, "a surplus child's end")

    def test_restart(self):
        worker = self.worker("concurrency=1", "restarts")
        first = self.pids(worker, 1)[0]
        self.assertEqual(self.control(worker, "pool_restart"), {"ok": "reload started"})
        wait_until(lambda: self.pids(worker, 1) != [first], 30, "another child")
        self.assertEqual([self.run_task("p.pid")["value"]], self.pids(worker, 1))
        wait_until(lambda: not lives(first), 30, "the first child's end")

    def test_restart_is_not_enabled(self):
        worker = self.worker("concurrency=1")
        self.pids(worker, 1)
        reply = self.control(worker, "pool_restart")
        self.assertEqual(reply, {"error": "ValueError('Pool restarts not enabled')"})

    def test_autoscale(self):
        worker = self.worker("autoscale=3")
        self.pids(worker, 1)
        files, tasks = self.held("1", "2", "3")
        self.pids(worker, 3)
        for file, task in zip(files, tasks):
            file.unlink()
            self.assertEqual(self.client.get(task)["state"], "SUCCESS")
        self.pids(worker, 1)


class EndTest(Stage):
    """How the worker and its children end."""

    def test_warm(self):
        worker = self.worker("concurrency=1")
        child = self.pids(worker, 1)[0]
        (file,), (task,) = self.held("task")
        self.active(worker, task)
        worker.signal(signal.SIGTERM)
        worker.wait_logged("Warm shutdown")
        file.unlink()
        self.assertEqual(worker.wait_end(), 0)
        self.assertEqual(self.client.get(task), {"state": "SUCCESS", "value": "held"})
        self.assertFalse(lives(child))

    def test_checklist_92_cold_returns_what_was_not_acknowledged(self):
        worker = self.worker("concurrency=2")
        children = self.pids(worker, 2)
        late = self.client.send("p.sleep_late", 30)
        early = self.client.send("p.sleep", 30)
        self.active(worker, late)
        self.active(worker, early)
        worker.signal(signal.SIGQUIT)
        self.assertEqual(worker.wait_end(), 1)
        for pid in children:
            self.assertFalse(lives(pid))
        self.assertEqual(self.result(early)["status"], "RETRY")
        self.assertEqual(self.result(late), {})
        with self.redis.client() as redis:
            self.assertEqual(redis.call("LLEN", "celery"), 1)
            self.assertEqual(redis.call("ZCARD", "unacked_index"), 0)
            redis.call("DEL", "celery")

    def test_children_die_with_the_worker(self):
        worker = self.worker("concurrency=2")
        children = self.pids(worker, 2)
        task = self.client.send("p.stubborn", 600)
        self.active(worker, task)
        os.kill(worker.pid, signal.SIGKILL)
        for pid in children:
            wait_until(lambda pid=pid: not lives(pid), 30, "the child's end")
        worker.kill()

    def test_the_worker_ends_without_its_fork_server(self):
        worker = self.worker("concurrency=2")
        children = self.pids(worker, 2)
        with open(f"/proc/{children[0]}/stat", encoding="ascii") as stat:
            server = int(stat.read().rsplit(")", 1)[1].split()[1])
        self.assertNotEqual(server, worker.pid)
        os.kill(server, signal.SIGKILL)
        for pid in children:
            wait_until(lambda pid=pid: not lives(pid), 30, "the child's end")
        self.client.send("p.add", 1, 1)
        self.client.send("p.add", 1, 1)
        self.assertEqual(worker.wait_end(), 1)
        self.assertTrue(worker.logged("the fork server is gone"))
        with self.redis.client() as redis:
            self.assertEqual((redis.call("LLEN", "celery"), redis.call("HLEN", "unacked")), (2, 0))
            redis.call("DEL", "celery")


if __name__ == "__main__":
    unittest.main(verbosity=2)
