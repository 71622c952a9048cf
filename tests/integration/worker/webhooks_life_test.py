"""The whole life of a tenant's webhook, by the API and a worker: python3 -m tests.integration.worker.webhooks_life_test"""

import unittest

from tests.integration.worker.providers_test import WAIT_S
from tests.integration.worker.webhooks_test import ALLOW, FAILED, TAKEN, WebhookStage, signature
from tests.services import CeleriacApi, wait_until


class LifeTest(WebhookStage):
    """Made, tried, told, its secret replaced, failed and mended."""

    def setUp(self):
        super().setUp()
        self.caller = CeleriacApi(self.session, "caller", extra={"CELERIAC_WEBHOOK_ALLOW": ALLOW}).start()
        self.addCleanup(self.caller.stop)

    def call(self, method: str, path: str, body: object = None, expect: int = 200) -> dict:
        status, _, document = self.caller.request(method, path, body, self.key)
        self.assertEqual(status, expect, document)
        return document

    def wait_status(self, message: dict, status: str) -> dict:
        path = f"/v1/webhook-messages/{message['id']}/"
        wait_until(lambda: self.call("GET", path)["status"] == status, WAIT_S, f"a message that is {status}")
        return self.call("GET", path)

    def test_life(self):
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker(CELERIAC_WEBHOOK_SCHEDULE="1,1")
        made = self.call("POST", "/v1/webhooks/", {"url": f"{self.receiver.url}/hook"}, 201)
        path = f"/v1/webhooks/{made['id']}/"
        event = self.wait_status(self.call("POST", f"{path}test/", expect=202), "delivered")
        (request,) = self.receiver.requests("/hook")
        self.assert_signed(request, made["secret"])
        self.assertEqual(request.json, event["payload"])
        self.assertEqual(self.ended(self.post("user@example.com"))["status"], "sent")
        wait_until(lambda: len(self.receiver.requests("/hook")) == 2, WAIT_S, "what tells of the notification")
        self.assertEqual(self.receiver.requests("/hook")[1].json["type"], "notification.sent")
        # Delivered once more, signed with both secrets, under its old id.
        rotated = self.call("POST", f"{path}rotate-secret/", {})
        self.call("POST", f"/v1/webhook-messages/{event['id']}/retry/", expect=202)
        wait_until(lambda: len(self.receiver.requests("/hook")) == 3, WAIT_S, "what is delivered again")
        request = self.receiver.requests("/hook")[2]
        self.assertEqual(request.headers["webhook-id"], event["id"])
        self.assertEqual(set(request.headers["webhook-signature"].split()),
                         {signature(made["secret"], request), signature(rotated["secret"], request)})
        # Given up after three attempts, and delivered when it is mended.
        self.receiver.script({"/hook": [FAILED]})
        failed = self.wait_status(self.call("POST", f"{path}test/", expect=202), "failed")
        self.assertEqual((failed["attempts"], failed["response_status"]), (3, 500))
        self.assertIsNotNone(self.call("GET", path)["failing_since"])
        self.receiver.script({"/hook": [TAKEN]})
        self.call("POST", f"/v1/webhook-messages/{failed['id']}/retry/", expect=202)
        self.wait_status(failed, "delivered")
        self.assertIsNone(self.call("GET", path)["failing_since"])
        self.call("DELETE", path, expect=204)


if __name__ == "__main__":
    unittest.main(verbosity=2)
