"""What Python workers send and give up is told too: python3 -m tests.integration.worker.webhooks_python_test"""

import time
import unittest

from tests.integration.worker.webhooks_test import TAKEN, WebhookStage
from tests.services import CeleriacWorker, CeleryWorker, wait_until

WAIT_S = 120


class PythonTest(WebhookStage):
    """A fleet whose mails are all sent by a Python worker; ours only delivers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.python = CeleryWorker(cls.session).start()

    def ours(self, name: str) -> CeleriacWorker:
        """A worker of ours that sends nothing."""
        worker = CeleriacWorker(self.session, name, concurrency=2, options=("-Q", "celeriac.webhooks"),
                                extra={"CELERIAC_WEBHOOK_ALLOW": "http,127.0.0.0/8"})
        self.addCleanup(worker.stop)
        return worker.start()

    def told(self) -> list[tuple[str, str]]:
        """Type and notification of each request, sorted."""
        return sorted((r.json["type"], r.json["data"]["id"]) for r in self.receiver.requests("/hook"))

    def test_sent_and_failed(self):
        """Each once, though two of our workers look for them, and nothing of before the endpoint."""
        self.receiver.script({"/hook": [TAKEN]})
        before = self.post("user@example.com")
        wait_until(lambda: self.state(before)["status"] == "sent", WAIT_S, "the mail of before")
        self.endpoint()
        self.ours("first")
        self.ours("second")
        sent = [self.post("user@example.com") for _ in range(5)]
        failed = self.post("reject-550-python@example.com")
        late = self.post("user@example.com", send_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 25)))
        wait_until(lambda: self.state(failed)["status"] == "failed", WAIT_S, "the end")
        expected = sorted([("notification.sent", one) for one in [*sent, late]] + [("notification.failed", failed)])
        wait_until(lambda: len(self.told()) >= len(expected), WAIT_S, "the requests")
        wait_until(lambda: self.value("SELECT count(*) FROM celeriac.webhook_watch") == "0", WAIT_S, "the end of the watch")
        self.assertEqual(self.told(), expected)
        for request in self.receiver.requests("/hook"):
            self.assert_signed(request, self.secret)
            if request.json["data"]["id"] == failed:
                self.assertEqual(request.json["data"]["retry_count"], 3)
                self.assertIn("550", request.json["data"]["error_message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
