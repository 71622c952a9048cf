"""What becomes of notifications under the settings of providers: python3 -m tests.integration.worker.providers_test"""

import unittest
import uuid
from pathlib import Path

from tests.services import CeleriacApi, CeleriacWorker, Postgres, Redis, Session, SmtpServer, SmtpSink, wait_until

WAIT_S = 60


class Stage(unittest.TestCase):
    """One API, and for each test a worker with settings of its own."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("providers")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.postgres = Postgres(cls.session, fsync=False).start()
        cls.open_providers()
        cls.api = CeleriacApi(cls.session).start()
        _, cls.key = cls.api.register()

    @classmethod
    def open_providers(cls):
        """Starts what the messages go to."""

    def worker(self, *options: str, wait: bool = True, **extra: str) -> CeleriacWorker:
        """A worker that is stopped after the test."""
        worker = CeleriacWorker(self.session, concurrency=3, options=options, extra=extra)
        self.addCleanup(lambda: worker.alive and worker.stop())
        return worker.start(wait=wait)

    def post(self, to: str, channel: str = "email", **more: object) -> str:
        """The id of a new notification."""
        wish = {"channel": channel, "to": to, "subject": "Hello", "body": "Hi", **more}
        status, _, body = self.api.request("POST", "/v1/notify/", wish, self.key)
        self.assertEqual(status, 202, body)
        return body["id"]

    def state(self, notification: str) -> dict:
        """The notification as the API shows it."""
        status, _, body = self.api.request("GET", f"/v1/notifications/{notification}/", None, self.key)
        self.assertEqual(status, 200, body)
        return body

    def ended(self, notification: str) -> dict:
        """The same, once it is sent or failed."""
        wait_until(lambda: self.state(notification)["status"] in ("sent", "failed"), WAIT_S, "the end")
        return self.state(notification)

    def response(self, notification: str) -> str:
        """provider_response as PostgreSQL prints it."""
        return self.value(f"SELECT provider_response FROM notifications WHERE id = '{uuid.UUID(notification)}'")

    def dead_letter(self, notification: str) -> str:
        """retry_count of its dead letter, "" when it has none."""
        return self.value(f"SELECT retry_count FROM dead_letters WHERE notification_id = '{uuid.UUID(notification)}'")

    def value(self, sql: str) -> str:
        """The only value of a query, "" when it finds nothing."""
        return self.postgres.psql(sql).strip()


class FailuresTest(Stage):
    """Refused for good, refused for now: with and without the options."""

    @classmethod
    def open_providers(cls):
        cls.smtp = SmtpServer(cls.session).start()

    def attempts(self, to: str) -> int:
        """How often a recipient was refused."""
        return len(self.smtp.refusals().get(to, []))

    def test_every_failure_is_retried_by_default(self):
        self.worker()
        one = self.post("reject-550-default@example.com")
        self.assertEqual(self.ended(one)["status"], "failed")
        self.assertEqual(self.attempts("reject-550-default@example.com"), 4)
        self.assertEqual(self.dead_letter(one), "3")

    def test_refusals_become_dead_letters_at_once(self):
        self.worker(CELERIAC_PERMANENT_FAILURES="dead-letter")
        never = self.post("reject-550-once@example.com")
        later = self.post("fail-1-again@example.com")
        self.assertEqual(self.ended(never)["status"], "failed")
        self.assertEqual(self.attempts("reject-550-once@example.com"), 1)
        self.assertEqual(self.dead_letter(never), "0")
        self.assertIn("550", self.state(never)["error_message"])
        self.assertEqual(self.ended(later)["status"], "sent")
        self.assertEqual(self.attempts("fail-1-again@example.com"), 1)

    def test_schedule_has_as_many_retries_as_delays(self):
        self.worker(CELERIAC_RETRY_SCHEDULE="1,1,1,1,1")
        long = self.post("fail-5-long@example.com")
        self.assertEqual(self.ended(long)["status"], "sent")
        self.assertEqual(self.attempts("fail-5-long@example.com"), 5)

    def test_short_schedule(self):
        self.worker(CELERIAC_RETRY_SCHEDULE="1")
        short = self.post("reject-450-short@example.com")
        self.assertEqual(self.ended(short)["status"], "failed")
        self.assertEqual(self.attempts("reject-450-short@example.com"), 2)
        self.assertEqual(self.dead_letter(short), "1")

    def test_a_wrong_setting_stops_the_start(self):
        for name, value in (("CELERIAC_RETRY_SCHEDULE", "1m"), ("CELERIAC_SMTP_HOSTS", "a,,b"),
                            ("CELERIAC_SMTP_RATE", "fast"), ("CELERIAC_PERMANENT_FAILURES", "no"),
                            ("CELERIAC_EMAIL_CA_FILE", "/nonexistent"), ("CELERIAC_SMTP_HOSTS", "a[b")):
            for pool in ("threads", "prefork"):
                worker = self.worker("-P", pool, wait=False, **{"EMAIL_USE_TLS": "True", name: value})
                self.assertEqual(worker.wait_end(WAIT_S), 1 if name == "CELERIAC_EMAIL_CA_FILE" else 64, name)
                self.assertIn(name, worker.log_text())


class LimitsTest(Stage):
    """Servers, connections and rates."""

    @classmethod
    def open_providers(cls):
        cls.other = SmtpSink(cls.session, "other").start()
        cls.sink = SmtpSink(cls.session).start()

    def tearDown(self):
        self.sink.refuse(False)

    def send(self, count: int) -> list[str]:
        """New notifications."""
        return [self.post("user@example.com") for _ in range(count)]

    def test_the_next_server_takes_over(self):
        self.worker(CELERIAC_SMTP_HOSTS=f"127.0.0.1:{self.other.port}")
        before, others = self.sink.count, self.other.count
        self.ended(self.send(1)[0])
        self.assertEqual(self.sink.count, before + 1)
        self.sink.refuse(True)
        for notification in self.send(20):
            self.assertEqual(self.ended(notification)["status"], "sent")
        self.assertEqual(self.other.count, others + 20)
        self.assertEqual(self.value("SELECT count(*) FROM notifications WHERE error_message IS NOT NULL"), "0")

    def check_rate(self, *options: str) -> None:
        """20 a second: 30 mails span 1.35 seconds at least, whichever thread or child sends them."""
        worker = self.worker(*options, CELERIAC_SMTP_RATE="20")
        before = len(self.sink.arrivals())
        for notification in self.send(30):
            self.ended(notification)
        times = [mail.time for mail in self.sink.arrivals()[before:]]
        self.assertEqual(len(times), 30)
        self.assertGreater(max(times) - min(times), 29 / 20 - 0.2)
        self.assertEqual(worker.stop(), 0)

    def connections(self) -> int:
        """How many are open to the first server."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
        return sum(row[3] == "01" and int(row[2].split(":")[1], 16) == self.sink.port for row in rows)

    def check_idle(self, *options: str) -> None:
        """A connection is kept, but no longer than it was told, though nothing is sent any more."""
        worker = self.worker(*options)
        self.ended(self.send(1)[0])
        self.assertGreater(self.connections(), 0)
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.connections(), 0)
        self.worker(*options, CELERIAC_EMAIL_IDLE="1")
        self.ended(self.send(1)[0])
        wait_until(lambda: self.connections() == 0, WAIT_S, "the connection to be closed")

    def test_idle_connections_of_threads(self):
        self.check_idle()

    def test_idle_connections_of_children(self):
        self.check_idle("-P", "prefork")

    def test_rate_of_threads(self):
        self.check_rate()

    def test_rate_of_children(self):
        self.check_rate("-P", "prefork")

    def test_a_stop_does_not_wait_for_the_rate(self):
        """What waits goes back, unharmed; another worker sends it."""
        worker = self.worker(CELERIAC_SMTP_RATE="0.01")
        ids = self.send(3)
        wait_until(lambda: "sent" in [self.state(one)["status"] for one in ids], WAIT_S, "the first one")
        wait_until(lambda: self.value("SELECT count(*) FROM celeriac.send_claims") == "2", WAIT_S, "the others to wait")
        self.assertEqual(worker.stop(), 0)
        self.assertEqual(self.value("SELECT count(*) FROM celeriac.send_claims"), "0")
        self.assertEqual(self.redis.call("LLEN", "celery"), 2)
        self.worker()
        for one in ids:
            self.assertEqual(self.ended(one)["status"], "sent")


if __name__ == "__main__":
    unittest.main(verbosity=2)
