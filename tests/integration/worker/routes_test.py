"""Where what follows a task goes, by task_routes: python3 -m tests.integration.worker.routes_test"""

import json
import subprocess
import unittest

from tests.integration.worker.peers import PythonWorker, TaskWorker, peer_env
from tests.services import ROOT, Redis, Session, venvs, wait_until

ROUTES = [
    {"t.mul": {"queue": "q.mul", "priority": 3}, "t.x*": {"exchange": "e", "routing_key": "k"}, "t.flaky": "q.lost"},
    {"*.identity": {"queue": "q.star", "routing_key": "unused", "delivery_mode": 2}, "t.mul": "q.second"},
]


class RoutesTest(unittest.TestCase):
    """A C worker must send each message to where a Python worker with the same settings sends it."""

    def messages(self, redis):
        """All messages in all lists, as (list, exchange, routing key, priority, task, arguments, stamps), sorted.

        Arguments are left out where they are ids or in no order, and their brackets: Python shows lists that were JSON.
        """
        found = []
        for key in redis.call("KEYS", "*"):
            if redis.call("TYPE", key) != b"list":
                continue
            for text in redis.call("LRANGE", key, 0, -1):
                message = json.loads(text)
                headers, properties = message["headers"], message["properties"]
                info = properties["delivery_info"]
                found.append([key.decode(), info["exchange"], info["routing_key"], properties["priority"] or 0,
                              headers["task"], headers["argsrepr"][1:-1] if headers["task"] == "t.mul" else "",
                              headers.get("stamps") or {}])
        return sorted(found, key=json.dumps)

    def follow_ups(self, name, make):
        """The messages that are left when a worker has executed what follow_ups.py sends to its queue."""
        extra = {"PEER_ROUTES": json.dumps(ROUTES), "PEER_DEFAULT_QUEUE": "q.default"}
        with Session(f"routes-{name}") as session:
            redis = Redis(session).start()
            redis.call("SADD", "_kombu.binding.e", "k\x06\x16\x06\x16q.bound")
            worker = make(session, extra).start()
            done = subprocess.run([str(venvs.python("newest")), "-m", "tests.integration.worker.follow_ups", "qin"],
                                  env=peer_env(session), cwd=ROOT, capture_output=True, text=True, timeout=300,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr[-2000:])
            wait_until(lambda: not redis.call("EXISTS", "unacked", "qin"), 60, "all to be executed")
            worker.stop()
            return self.messages(redis)

    def test_c_sends_to_where_python_does(self):
        venvs.ensure("newest")
        theirs = self.follow_ups("py", lambda session, extra: PythonWorker(session, "py", options=("-Q", "qin"),
                                                                           extra=extra))
        ours = self.follow_ups("c", lambda session, extra: TaskWorker(session, "c", words=("qin",), extra=extra))
        self.maxDiff = None
        self.assertEqual(ours, theirs)
        lists = {message[0] for message in theirs}
        self.assertLessEqual({"q.mul\x06\x163", "q.mul\x06\x169", "q.star", "q.bound", "q.own", "q.default"}, lists)
        self.assertFalse(lists & {"q.lost", "q.second", "celery"})

    def test_what_is_no_route_ends_the_start(self):
        with Session("routes-bad") as session:
            Redis(session).start()
            for text, said in (("{", "task_routes"), ('"app.Router"', "written in Python"),
                               ('{"a.*": {"que": "q"}}', 'a.*: unknown option "que"')):
                worker = TaskWorker(session, "bad", extra={"PEER_ROUTES": text}).start(wait=False)
                self.assertNotEqual(worker.wait_end(), 0)
                self.assertIn(said, worker.log_text())


if __name__ == "__main__":
    unittest.main(verbosity=2)
