"""A C worker's doings beside a Python worker's: unknown tasks, retries, stops, kills, log lines.

python3 -m tests.integration.protocol.worker_test
"""

import base64
import json
import random
import re
import signal
import socket
import sys
import time
import unittest

from interop.notes import CNoteWorker, Notes, PythonNoteWorker, held_numbers, is_empty, list_of, message
from tests.integration.protocol.stage import WAIT_S, Stage
from tests.integration.worker.peers import Listener
from tests.services import Redis, Session, wait_until


class UnknownTest(Stage):
    """A message of a task that nobody has."""

    def outcome(self, listener, worker):
        """Record and last event of an unknown task, without what differs from run to run."""
        number = self.client().send("nobody.has.this", 1)
        event = listener.wait("task-failed", uuid=number)
        record = json.loads(self.redis.call("GET", f"celery-task-meta-{number}"))
        self.assertEqual(event["hostname"], worker.nodename)
        wait_until(self.idle, WAIT_S, "the message to be gone")
        self.assertEqual(set(record), {"status", "result", "traceback", "children", "date_done", "task_id"})
        return record["status"], record["result"], event["exception"], sorted(event)

    def test_checklist_44_fails_as_with_celery_where_it_is_asked_for(self):
        listener = Listener(self.session)
        self.addCleanup(listener.close)
        wait_until(lambda: self.redis.call("PUBSUB", "NUMPAT") >= 1, WAIT_S, "the receiver")
        worker = self.c_worker("events", "fail-unknown")
        ours = self.outcome(listener, worker)
        worker.stop()
        theirs = self.outcome(listener, self.python_worker("newest", "-E"))
        self.assertEqual(ours, theirs)
        self.assertEqual(ours[:2], ("FAILURE", {"exc_type": "NotRegistered", "exc_message": ["nobody.has.this"],
                                                "exc_module": "celery.exceptions"}))

    def test_checklist_44_stays_for_others_by_default(self):
        self.c_worker()
        client = self.client()
        number = client.send("p.slow_retry", 0)
        self.assertEqual(client.get(client.send("t.add", 1, 2))["value"], 3)
        self.assertEqual(self.redis.call("LLEN", "celery"), 1)
        self.python_worker()
        self.assertEqual(client.get(number), {"state": "SUCCESS", "value": 1})


class OrderTest(Stage):
    """In which order the server is told."""

    def commands(self, worker, task):
        """What a worker's writes were, in their order, while it ran a task that is retried once."""
        with socket.create_connection(("127.0.0.1", self.redis.port)) as monitor:
            monitor.settimeout(WAIT_S)
            monitor.sendall(b"MONITOR\r\n")
            client = self.client()
            number = client.send(task)
            self.assertEqual(client.get(number)["value"], 1)
            self.redis.call("PING", "the end")
            text = b""
            while b"the end" not in text:
                text += monitor.recv(65536)
        worker.stop()
        return text.decode(errors="replace").splitlines(), number

    def test_checklist_48_54_retry_then_record_then_acknowledgement_then_event(self):
        """In ours the first three are one script, between whose parts nobody can look."""
        lines, number = self.commands(self.c_worker("events"), "t.flaky_late")

        def place(pattern):
            return next(i for i, line in enumerate(lines) if re.search(pattern, line))
        retry = place(r'"LPUSH" "celery" .*\\"retries\\": 1')
        record = place(rf'"SETEX" "celery-task-meta-{number}" .*\\"status\\": \\"RETRY\\"')
        acknowledged = place(r'"HDEL" "unacked"')
        bodies = {i: base64.b64decode(found.group(1)) for i, line in enumerate(lines)
                  if (found := re.search(r'"/0.celeryev/task.multi" .*\\"body\\": \\"([\w+/=]+)\\"', line))}
        told, = (i for i, body in bodies.items() if b'"task-retried"' in body)
        self.assertTrue(all("[0 lua]" in lines[i] for i in (retry, record, acknowledged)))
        scripts = {max(i for i in range(at) if "EVALSHA" in lines[i]) for at in (retry, record, acknowledged)}
        self.assertEqual(len(scripts), 1, "not the same script")
        self.assertGreater(told, max(retry, record, acknowledged))

    def test_checklist_20_python_and_c_serve_in_the_same_order(self):
        """Two queues, all priorities, one task at a time."""
        listener = Listener(self.session)
        self.addCleanup(listener.close)
        wait_until(lambda: self.redis.call("PUBSUB", "NUMPAT") >= 1, WAIT_S, "the receiver")
        client = self.client()
        orders = []
        for kind in ("c", "python"):
            sent = {client.send("t.add", 1, 2, queue="one", priority=priority): (priority // 3, i)
                    for priority in (9, 6, 3, 0) for i in range(3)}
            if kind == "c":
                worker = self.c_worker("events", "one", concurrency=1)
            else:
                worker = self.python_worker("newest", "-E", "-Q", "one", "-c", "1")
            for number in sent:
                client.get(number)
                listener.wait("task-started", uuid=number)
            started = [event["uuid"] for event in listener.of("task-started") if event["uuid"] in sent]
            orders.append([sent[number] for number in started])
            worker.stop()
        self.assertEqual(orders[0], orders[1])
        self.assertEqual(orders[0], sorted(orders[0]))


class StopTest(Stage):
    """What a stop leaves."""

    def test_checklist_27_92_a_warm_stop_gives_back_in_order(self):
        for kind in ("c", "python"):
            with self.subTest(worker=kind):
                client = self.client()
                if kind == "c":
                    worker = self.c_worker(concurrency=1)
                else:
                    worker = self.python_worker("newest", "-c", "1")
                file = self.session.dir / "held"
                file.touch()
                first = client.send("t.hold", str(file))
                rest = [client.send("t.add", i, i) for i in range(4)]
                wait_until(lambda n=worker.nodename, r=len(rest): len(client.inspect("reserved", n) or ()) == r, WAIT_S,
                           "the rest to be reserved")
                worker.signal(signal.SIGTERM)
                worker.wait_logged("Warm shutdown")
                file.unlink()
                self.assertEqual(worker.wait_end(), 0)
                self.assertEqual(client.get(first)["state"], "SUCCESS")
                left = [json.loads(text) for text in self.redis.call("LRANGE", "celery", 0, -1)]
                # Celery gives back what it took last to be consumed first; ours keeps the order.
                found = [one["headers"]["id"] for one in reversed(left)]
                self.assertEqual(found, rest if kind == "c" else rest[::-1])
                self.assertTrue(all(one["headers"]["redelivered"] for one in left))
                self.assertEqual(self.redis.call("EXISTS", "unacked", "unacked_index", "_kombu.binding.celery.pidbox"), 0)
                self.redis.call("FLUSHALL")


    def test_checklist_93_a_cold_stop_records_what_it_breaks_off(self):
        found = {}
        for kind in ("c", "python"):
            with Listener(self.session) as listener:
                client = self.client()
                wait_until(lambda: self.redis.call("PUBSUB", "NUMPAT") >= 1, WAIT_S, "the receiver")
                worker = self.c_worker("events") if kind == "c" else self.python_worker("newest", "-E")
                early, late = client.send("t.stubborn", 600), client.send("t.stubborn_late", 600)
                for number in (early, late):
                    listener.wait("task-started", uuid=number)
                worker.signal(signal.SIGQUIT)
                worker.wait_end()
                listener.wait("task-cancelled", uuid=early)
                events = [sorted(event) for event in listener.of("task-cancelled", uuid=early)]
                record = json.loads(self.redis.call("GET", f"celery-task-meta-{early}"))
                left = [json.loads(text)["headers"]["id"] for text in self.redis.call("LRANGE", "celery", 0, -1)]
                self.assertEqual(self.redis.call("EXISTS", "unacked", f"celery-task-meta-{late}"), 0)
                self.assertEqual(left, [late])
                record.pop("task_id")
                # Python shows the exception inside of itself: "Retry(Retry(...), None, None)".
                reason = record["result"].pop("exc_message")[0]
                self.assertIn("cancelled by Celery" if kind == "c" else "Retry", reason)
                found[kind] = events, record
            self.redis.call("FLUSHALL")
        self.assertEqual(found["c"], found["python"])


class KillTest(unittest.TestCase):
    """A fleet of both kinds whose members are killed again and again."""

    COUNT = 1000
    TIMEOUT_S = 8

    def setUp(self):
        self.session = Session("kills", show_logs=False)
        self.addCleanup(self.session.close)
        self.redis = Redis(self.session).start()
        self.notes = Notes(self.session)
        self.extra = {"CELERY_BROKER_TRANSPORT_OPTIONS": json.dumps({"visibility_timeout": self.TIMEOUT_S})}

    def accounted_for(self) -> bool:
        """Whether every message is in a list, in somebody's hand or done."""
        with self.redis.client() as redis:
            texts = [text for name in {list_of(priority=p) for p in range(10)} for text in redis.call("LRANGE", name, 0, -1)]
        waiting = {json.loads(base64.b64decode(json.loads(text)["body"]))[0][0] for text in texts}
        return bool(texts) and waiting | held_numbers(self.redis.client) | set(self.notes.counts()) == set(range(self.COUNT))

    def kill_python(self, worker) -> None:
        """kombu takes a message and notes it in two steps: whoever dies between them loses it. This one does not."""
        def frozen_at_a_good_time():
            worker.freeze()
            if self.accounted_for():
                return True
            worker.thaw()
            return False
        wait_until(frozen_at_a_good_time, WAIT_S, "Python to have nothing between its two steps")
        worker.kill()

    def test_checklist_24_89_nothing_is_lost_and_only_what_was_in_hand_runs_twice(self):
        with self.redis.client() as redis:
            redis.pipeline([("LPUSH", list_of(priority=number % 10), message(number, 25, priority=number % 10))
                            for number in range(self.COUNT)])
        python = PythonNoteWorker(self.session, self.notes, extra=self.extra).start()
        source = random.Random(89)
        in_hand = set()
        for turn in range(6):
            c = CNoteWorker(self.session, self.notes, f"c{turn}", extra=self.extra).start()
            time.sleep(source.uniform(0.1, 0.4))
            c.freeze()
            in_hand |= held_numbers(self.redis.client)
            c.kill()
            if turn == 0:
                self.kill_python(python)
                in_hand |= held_numbers(self.redis.client)
                killed_at = time.monotonic()
                python = PythonNoteWorker(self.session, self.notes, "python-again", extra=self.extra).start()
        # What Python held comes back by kombu's rule: to whoever starts, once it is old enough.
        wait_until(lambda: time.monotonic() > killed_at + self.TIMEOUT_S + 1, WAIT_S, "the timeout")
        last = CNoteWorker(self.session, self.notes, "c-last", extra=self.extra).start()
        wait_until(lambda: is_empty(self.redis.client), 90, "all to be done")
        counts = self.notes.counts()
        self.assertEqual(set(range(self.COUNT)) - set(counts), set())
        self.assertLessEqual({number for number, times in counts.items() if times > 1}, in_hand)
        self.assertEqual((last.stop(), python.stop()), (0, 0))


class LogTest(Stage):
    """What an operator reads."""

    def test_checklist_98_task_and_id_at_every_stage(self):
        worker = self.c_worker()
        client = self.client()
        for task, words in (("t.add", ("task received", "task succeeded")),
                            ("t.flaky", ("task received", "task will be retried", "task succeeded")),
                            ("t.boom", ("task received", "task failed"))):
            number = client.send(task, *((1, 2) if task == "t.add" else ()))
            client.get(number)
            for word in words:
                wait_until(lambda t=task, n=number, w=word: worker.logged(rf"{w} .*task={t} id={n}"), WAIT_S,
                           f"{word} of {task}")
            if task != "t.boom":
                self.assertTrue(worker.logged(rf"task succeeded task={task} id={number} runtime=\d"))


class NodesTest(Stage):
    """Several on one host."""

    def test_checklist_95_two_workers_with_names_of_their_own(self):
        one, two = self.c_worker("q1", name="one"), self.c_worker("q2", name="two")
        client = self.client()
        nodes = wait_until(lambda: [n for reply in client.call("control", "ping", {}, {}) for n in reply][1:] and
                           client.call("control", "ping", {}, {}), WAIT_S, "both to answer")
        self.assertEqual({node for reply in nodes for node in reply}, {one.nodename, two.nodename})
        for worker, queue in ((one, "q1"), (two, "q2")):
            self.assertEqual(client.get(client.send("t.add", 1, 2, queue=queue))["value"], 3)
            self.assertEqual(client.inspect("stats", worker.nodename)["total"], {"t.add": 1})


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
