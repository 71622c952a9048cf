"""Test keys that do not send: python3 -m tests.integration.api.simulated_test"""

import json
import sys
import unittest

from tests.integration.api.accept_test import AcceptStage, later
from tests.integration.api.stage import NOTIFY
from tests.services import CeleriacApi, wait_until

SIMULATED = {"provider": "simulated", "status": "sent", "message_id": None,
             "detail": "Accepted with a test key: nothing was sent",
             "raw": {"sent_count": 0, "backend": "celeriac-simulated"}}


class SimulatedTest(AcceptStage):
    """CELERIAC_TEST_KEYS_SEND, on as in Django, and off."""

    def setUp(self):
        super().setUp()
        self.redis.call("FLUSHALL")
        status, _, body = self.api.request("POST", "/v1/api-keys/", {"name": "test", "is_test": True}, self.key)
        self.assertEqual(status, 201, body)
        self.test_key = body["api_key"]
        self.assertTrue(self.test_key.startswith("sk_test_"))

    def quiet_api(self) -> CeleriacApi:
        """An API whose test keys do not send."""
        api = CeleriacApi(self.session, "quiet", extra={"CELERIAC_TEST_KEYS_SEND": "false"}).start()
        self.addCleanup(api.stop)
        return api

    def assert_simulated(self, notification: str) -> None:
        status, _, body = self.api.request("GET", f"/v1/notifications/{notification}/", None, self.test_key)
        self.assertEqual((status, body["status"], body["error_message"]), (200, "sent", None))
        self.assertEqual(body["sent_at"], body["created_at"])
        response = self.postgres.psql(f"SELECT provider_response FROM notifications WHERE id = '{notification}'")
        self.assertEqual(json.loads(response), SIMULATED)
        self.assertEqual(self.number(f"SELECT count(*) FROM celeriac.outbox WHERE notification_id = '{notification}'"), 0)

    def test_test_keys_send_by_default(self):
        status, _, body, _ = self.send("/v1/notify/", NOTIFY, tenant_key=self.test_key)
        self.assertEqual((status, body["status"]), (202, "pending"))
        wait_until(lambda: len(self.messages()) == 1, 30, "the message")

    def test_one(self):
        """The answer has the same form, and neither message nor outbox row is made."""
        api = self.quiet_api()
        status, _, body, _ = self.send("/v1/notify/", NOTIFY, api=api, tenant_key=self.test_key)
        self.assertEqual((status, body["status"], sorted(body)), (202, "pending",
                                                                  ["channel", "created_at", "id", "status", "to"]))
        self.assert_simulated(body["id"])
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "send_at": later(3600)}, api=api,
                                       tenant_key=self.test_key)
        self.assertEqual(status, 202)
        self.assert_simulated(body["id"])
        self.assertEqual(self.redis.call("LLEN", "celery"), 0)

    def test_live_keys_send(self):
        api = self.quiet_api()
        status, _, body, _ = self.send("/v1/notify/", NOTIFY, api=api)
        self.assertEqual(status, 202)
        wait_until(lambda: len(self.messages()) == 1, 30, "the message")
        self.assertEqual(self.number("SELECT count(*) FROM notifications WHERE status = 'pending' AND id = "
                                     f"'{body['id']}'"), 1)

    def test_batch(self):
        api = self.quiet_api()
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": [NOTIFY, {}, NOTIFY]}, "key", api=api,
                                       tenant_key=self.test_key)
        self.assertEqual((status, body["accepted"]), (202, 2))
        for item in (body["results"][0], body["results"][2]):
            self.assert_simulated(item["body"]["id"])
        self.assertEqual(self.redis.call("LLEN", "celery"), 0)

    def test_repeats(self):
        """An Idempotency-Key works as ever."""
        api = self.quiet_api()
        first = self.send("/v1/notify/", NOTIFY, "again", api=api, tenant_key=self.test_key)
        again = self.send("/v1/notify/", NOTIFY, "again", api=api, tenant_key=self.test_key)
        self.assertEqual(first[3], again[3])
        self.assert_simulated(first[2]["id"])


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
