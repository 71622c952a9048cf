"""celeriac-worker -P prefork with the notification service: python3 -m tests.integration.worker.prefork_notify_test"""

import collections
import contextlib
import os
import signal
import unittest

from tests.integration.worker.prefork_test import lives
from tests.services import CeleriacApi, CeleriacWorker, Postgres, Redis, Session, SmtpSink, wait_until

WISH = {"channel": "email", "to": "user@example.com", "subject": "Hello", "body": "Hi {{ name }}",
        "data": {"name": "John"}}


def children_of(pid: int) -> list[int]:
    """The children's process ids: those of the fork server, which is the worker's only child."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
            found += [int(word) for word in children.read().split()]
    return found


class NotifyTest(unittest.TestCase):
    """Each child has its own connections to the database and to the mail server."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("prefork-notify")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.postgres = Postgres(cls.session, fsync=False).start()
        cls.sink = SmtpSink(cls.session).start()
        cls.api = CeleriacApi(cls.session).start()
        _, cls.key = cls.api.register()

    def worker(self, *options: str) -> CeleriacWorker:
        worker = CeleriacWorker(self.session, concurrency=3, options=("-P", "prefork", *options))
        self.addCleanup(self._stop, worker)
        return worker.start()

    def _stop(self, worker: CeleriacWorker) -> None:
        if worker.alive:
            code = worker.stop()
            if code != 0:
                worker.print_log()
            self.assertEqual(code, 0)
            self.assertFalse(worker.logged("Sanitizer:"))

    def post(self, count: int) -> None:
        for _ in range(count):
            status, _, body = self.api.request("POST", "/v1/notify/", WISH, self.key)
            self.assertEqual(status, 202, body)

    def unsent(self) -> int:
        """Notifications that are not recorded as sent."""
        return int(self.postgres.psql("SELECT count(*) FROM notifications WHERE status <> 'sent'").strip().split()[-1])

    def children(self, worker: CeleriacWorker) -> list[int]:
        """The three children of a worker, once they are there."""
        (server,) = children_of(worker.pid)
        return wait_until(lambda: len(children_of(server)) == 3 and children_of(server), 60, "three children")

    def test_sends_and_survives_the_loss_of_idle_children(self):
        worker = self.worker()
        children = self.children(worker)
        sent = self.sink.count
        self.post(20)
        wait_until(lambda: self.unsent() == 0, 60, "all to be sent")
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        self.post(20)
        wait_until(lambda: self.unsent() == 0, 60, "all to be sent")
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.sink.count, sent + 40)

    def test_what_a_lost_child_was_sending_is_sent(self):
        """As when a worker is killed: by another child, perhaps twice with one Message-ID."""
        worker = self.worker()
        self.children(worker)
        (server,) = children_of(worker.pid)
        for turn in range(5):
            sent = self.sink.count
            self.post(20)
            self.sink.wait_count(sent + 5 + turn, 60)
            # Those that are there: one that was killed while it had nothing to do is replaced when it gets a task.
            for pid in children_of(server):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            wait_until(lambda: self.unsent() == 0, 60, "all to be sent")
        self.assertEqual(worker.stop(), 0)
        times = collections.Counter(mail.message_id for mail in self.sink.arrivals())
        self.assertLessEqual(max(times.values()), 2)

    def test_children_are_replaced(self):
        worker = self.worker("--max-tasks-per-child", "2")
        sent = self.sink.count
        self.post(15)
        self.sink.wait_count(sent + 15, 60)
        (server,) = children_of(worker.pid)
        children = wait_until(lambda: len(children_of(server)) == 3 and children_of(server), 60, "three children")
        worker.kill()
        for pid in [server, *children]:
            wait_until(lambda pid=pid: not lives(pid), 30, "the end of all processes")

    def test_waits_for_the_database(self):
        self.postgres.stop()
        worker = CeleriacWorker(self.session, concurrency=2, options=("-P", "prefork"))
        self.addCleanup(self._stop, worker)
        worker.start(wait=False)
        worker.wait_logged("database is away")
        self.postgres.start()
        worker.wait_ready()
        sent = self.sink.count
        self.post(3)
        self.sink.wait_count(sent + 3, 60)


if __name__ == "__main__":
    unittest.main(verbosity=2)
