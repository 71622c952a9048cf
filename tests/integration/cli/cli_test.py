"""celeriac, the command-line tool, with real Redis, a worker of ours and one of Python."""

import json
import os
import subprocess
import sys
import time
import unittest

from interop.notes import CNoteWorker, Notes, PythonNoteWorker, list_of, message
from tests.services import Redis, Session, wait_until
from tests.services.celeriac import program

NO_NODE = 69
USAGE = 64


class Case(unittest.TestCase):
    """A server for each test, and the tool run against it."""

    def setUp(self):
        self.session = Session("cli", show_logs=False)
        self.session.__enter__()
        self.addCleanup(self.session.__exit__, None, None, None)
        self.redis = Redis(self.session).start()
        self.notes = Notes(self.session)

    def run_tool(self, *words: str, status: int = 0) -> bytes:
        """What the tool prints; its exit code must be STATUS."""
        done = subprocess.run([program("celeriac"), *words], env=self.session.environment(), timeout=60,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout!r} {done.stderr!r}")
        return done.stdout

    def json(self, *words: str, status: int = 0):
        """The same with --json, decoded."""
        return json.loads(self.run_tool(*words, "--json", status=status))

    def push(self, *messages, priority: int = 0) -> None:
        """Puts elements into the queue."""
        with self.redis.client() as client:
            client.pipeline([("LPUSH", list_of(priority=priority), raw) for raw in messages])


class WithoutWorkers(Case):
    """What needs the server only."""

    def test_usage(self):
        self.assertIn(b"usage: celeriac", self.run_tool("--help"))
        self.assertRegex(self.run_tool("--version"), rb"^celeriac \d")
        for words in ((), ("nonsense",), ("call",), ("result",), ("quarantine", "eat"), ("quarantine", "show", "x"),
                      ("inspect", "nonsense"), ("control", "pool_grow", "x"), ("status", "--nonsense"),
                      ("call", "t", "--eta", "soon"), ("call", "t", "-a", "{"), ("status", "-b", "amqp://h"),
                      ("status", "all")):
            self.run_tool(*words, status=USAGE)

    def test_the_broker_of_the_daemons_file(self):
        """Where a service has its .env, the tool finds the service's broker."""
        folder = self.session.folder("service")
        (folder / ".env").write_text(f"REDIS_URL={self.redis.url()}\n")
        env = {name: value for name, value in self.session.environment().items() if name != "REDIS_URL"}
        self.redis.call("LPUSH", "celery", "a message")
        done = subprocess.run([program("celeriac"), "queues", "-Q", "celery", "--json"], env=env, cwd=folder, timeout=60,
                              capture_output=True, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(json.loads(done.stdout)["queues"][0]["messages"], 1, done.stderr)

    def test_nobody_answers(self):
        self.assertIn(b"0 nodes online", self.run_tool("status", status=NO_NODE))
        self.assertEqual(self.json("status", status=NO_NODE), {})
        self.assertEqual(self.json("inspect", "ping", status=NO_NODE), {})
        self.assertEqual(self.redis.call("KEYS", "*"), [])

    def test_a_server_that_is_away(self):
        self.redis.stop()
        self.run_tool("queues", status=1)

    def test_queues(self):
        self.assertEqual(self.json("queues"), {"queues": [], "unacked": 0, "quarantine": 0})
        for priority in (0, 0, 3, 9):
            self.run_tool("call", "some.task", "--priority", str(priority))
        self.run_tool("call", "some.task", "--queue", "other")
        found = self.json("queues")
        self.assertEqual({queue["name"]: queue["messages"] for queue in found["queues"]}, {"celery": 4, "other": 1})
        self.assertEqual([queue["priorities"] for queue in found["queues"] if queue["name"] == "celery"],
                         [{"0": 2, "3": 1, "6": 0, "9": 1}])
        self.assertEqual(self.json("queues", "-Q", "other")["queues"][0]["messages"], 1)
        self.assertRegex(self.run_tool("queues"), rb"celery +4  0:2 3:1 6:0 9:1\n")

    def test_purge_checklist_97(self):
        for priority in (0, 3, 6, 9):
            self.push("x", "y", priority=priority)
        self.run_tool("purge", status=1)  # nobody said yes
        self.assertEqual(self.redis.call("LLEN", "celery"), 2)
        self.assertEqual(self.run_tool("purge", "--force"), b"Purged 8 messages from 1 known task queue.\n")
        self.assertEqual(self.json("purge", "-f", "-Q", "celery,other"), {"purged": 0})

    def test_call_writes_what_was_asked_for(self):
        number = self.json("call", "some.task", "-a", '[1, "\u00e9"]', "-k", '{"k": null}', "--task-id", "my-id",
                           "--countdown", "60", "--expires", "3600", "--queue", "q", "--priority", "6",
                           "--headers", '{"h": 1}')
        self.assertEqual(number, {"task_id": "my-id"})
        envelope = json.loads(self.redis.call("RPOP", list_of("q", 6)))
        headers = envelope["headers"]
        self.assertEqual((headers["id"], headers["task"], headers["h"]), ("my-id", "some.task", 1))
        self.assertTrue(headers["eta"] and headers["expires"])
        self.run_tool("call", "some.task", "--eta", "2030-01-02T03:04:05+00:00")
        self.assertEqual(json.loads(self.redis.call("RPOP", "celery"))["headers"]["eta"], "2030-01-02T03:04:05+00:00")

    def test_no_result_in_time(self):
        self.run_tool("result", "nobody", "--timeout", "0.2", status=1)

    def test_events_end(self):
        self.assertEqual(self.run_tool("events", "--timeout", "0.3"), b"")


class WithWorkers(Case):
    """What workers answer, ours and Python's."""

    def setUp(self):
        super().setUp()
        self.ours = CNoteWorker(self.session, self.notes).start()

    def add_python(self) -> PythonNoteWorker:
        """Starts a Python worker beside ours, which every request must reach."""
        worker = PythonNoteWorker(self.session, self.notes).start()
        wait_until(lambda: len(self.json("status")) == 2, 20, "both workers to answer", 0.1)
        return worker

    def test_results(self):
        number = self.run_tool("call", "interop.note", "-a", "[5, 0]").decode().strip()
        self.assertEqual(self.run_tool("result", number, "-t", "20"), b"5\n")
        found = self.json("result", number)
        self.assertEqual((found["task_id"], found["status"], found["result"], found["traceback"]),
                         (number, "SUCCESS", 5, None))
        number = self.run_tool("call", "interop.note", "-a", '["x", 0]').decode().strip()
        self.assertEqual(self.json("result", number, "-t", "20", status=1)["status"], "FAILURE")

    def test_remote_control_of_both(self):
        python = self.add_python()
        nodes = set(self.json("status"))
        self.assertIn(python.name + "@test", nodes)
        self.assertEqual({str(answer) for answer in self.json("inspect", "ping").values()}, {"{'ok': 'pong'}"})
        for command in ("active", "reserved", "scheduled", "stats", "registered", "revoked", "conf", "clock",
                        "active_queues", "report"):
            with self.subTest(command):
                self.assertEqual(set(self.json("inspect", command, "-t", "3")), nodes)
        only = self.json("inspect", "stats", "-d", python.name + "@test")
        self.assertEqual(set(only), {python.name + "@test"})
        for words in (("rate_limit", "interop.note", "100/s"), ("revoke", "a-task", "b-task"), ("enable_events",), ("pool_grow", "1"),
                      ("add_consumer", "more"), ("cancel_consumer", "more")):
            with self.subTest(words[0]):
                answers = self.json("control", *words, "-t", "3")
                self.assertEqual(set(answers), nodes)
                self.assertTrue(all("ok" in answer for answer in answers.values()), answers)
        revoked = self.json("inspect", "revoked")
        self.assertTrue(all(set(ids) == {"a-task", "b-task"} for ids in revoked.values()), revoked)
        self.assertEqual(self.run_tool("control", "shutdown"), b"2 nodes were told.\n")
        wait_until(lambda: not self.ours.alive and not python.alive, 30, "both to stop", 0.1)
        # Nothing of the conversations is left behind.
        self.assertEqual([key for key in self.redis.call("KEYS", "*") if b"reply" in key], [])

    def test_events(self):
        listener = subprocess.Popen([program("celeriac"), "events", "--json"], env=self.session.environment(),
                                    stdout=subprocess.PIPE, text=True)
        try:
            wait_until(lambda: self.redis.call("PUBSUB", "NUMPAT") > 0, 10, "the subscription")
            self.run_tool("control", "enable_events")
            number = self.run_tool("call", "interop.note", "-a", "[1, 0]").decode().strip()
            seen = set()
            deadline = time.monotonic() + 20
            while not {"worker-heartbeat", "task-received", "task-succeeded"} <= seen:
                self.assertLess(time.monotonic(), deadline, seen)
                event = json.loads(listener.stdout.readline())
                if not event["type"].startswith("task-") or event["uuid"] == number:
                    seen.add(event["type"])
        finally:
            listener.kill()
            listener.wait()
            listener.stdout.close()

    def test_quarantine(self):
        self.push("no json \u00e9")
        wait_until(lambda: len(self.json("quarantine")) == 1, 10, "the first in quarantine")
        self.push(b"\xff\x00", priority=3)
        wait_until(lambda: len(self.json("quarantine", "list")) == 2, 10, "the second in quarantine")
        self.ours.stop()
        listed = self.json("quarantine")
        self.assertEqual([(one["number"], one["reason"], one["queue"], one["bytes"]) for one in listed],
                         [(1, "not-json", "celery", 10), (2, "not-json", "celery", 2)])
        self.assertEqual(self.run_tool("quarantine").count(b"\n"), 2)
        self.assertEqual(self.run_tool("quarantine", "show", "1"), "no json \u00e9\n".encode())
        self.assertEqual(self.run_tool("quarantine", "show", "2"), b"\xff\x00\n")
        self.assertEqual(self.json("quarantine", "show", "2")["message_base64"], "/wA=")
        self.run_tool("quarantine", "show", "3", status=1)
        self.assertEqual(self.json("quarantine", "requeue", "2", "--queue", "elsewhere"), {"requeued": 1})
        self.assertEqual(self.redis.call("LRANGE", "elsewhere", 0, -1), [b"\xff\x00"])
        self.run_tool("quarantine", "requeue", "2", status=1)
        self.assertEqual(self.run_tool("quarantine", "requeue", "all"), b"1 message back in its queue\n")
        self.assertEqual(self.redis.call("LRANGE", "celery", 0, -1), ["no json \u00e9".encode()])
        self.assertEqual(self.json("quarantine"), [])

    def test_requeued_messages_keep_their_priority(self):
        self.ours.stop()
        entry = {"reason": "bad-eta", "time": "2026-01-01T00:00:00+00:00", "queue": "celery",
                 "message": message(7, 0, priority=6)}
        self.redis.call("LPUSH", "celeriac.quarantine", json.dumps(entry))
        self.run_tool("quarantine", "requeue", "1")
        self.assertEqual(self.redis.call("LLEN", list_of(priority=6)), 1)
        self.ours.start()
        wait_until(lambda: self.notes.when(7), 20, "the message to run")


if __name__ == "__main__":
    os.environ.pop("REDIS_URL", None)
    unittest.main(verbosity=2, argv=sys.argv)
