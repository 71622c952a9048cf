"""Webhooks of tenants: python3 -m tests.integration.api.webhooks_test"""

import base64
import json
import sys
import threading
import unittest
import urllib.request
import uuid

from tests.integration.api.stage import NOTIFY, Stage
from tests.services import CeleriacApi

URL = "https://hooks.example.com/notifications"
NOBODYS = str(uuid.UUID(int=7))
MOST = 10
WAITING_TESTS = 5


class WebhooksTest(Stage):
    """What a tenant does with webhooks; nothing delivers them here."""

    def setUp(self):
        self.postgres.psql("DELETE FROM celeriac.webhooks")

    def make(self, **more) -> dict:
        """A new webhook."""
        status, _, made = self.call("POST", "/v1/webhooks/", {"url": URL, **more})
        self.assertEqual(status, 201, made)
        return made

    def test_a_life(self):
        """Made, shown without its secret, changed, deleted."""
        made = self.make()
        self.assertEqual(list(made), ["id", "url", "description", "events", "is_active", "disabled_reason", "failing_since",
                                      "paused_until", "old_secret_until", "created_at", "updated_at", "secret"])
        self.assertEqual((made["url"], made["description"], made["events"], made["is_active"]),
                         (URL, "", ["notification.sent", "notification.failed"], True))
        self.assertTrue(made["secret"].startswith("whsec_"))
        self.assertEqual(len(base64.b64decode(made["secret"][6:], validate=True)), 32)
        shown = {name: value for name, value in made.items() if name != "secret"}
        path = f"/v1/webhooks/{made['id']}/"
        self.assertEqual(self.call("GET", path)[::2], (200, shown))
        second = self.make(events=["notification.failed"], description="billing")
        self.assertEqual(second["events"], ["notification.failed"])
        self.assertEqual([row["id"] for row in self.call("GET", "/v1/webhooks/")[2]], [second["id"], made["id"]])
        status, _, changed = self.call("PATCH", path, {"events": ["notification.sent"], "is_active": False})
        self.assertEqual((status, {**changed, "updated_at": None}),
                         (200, {**shown, "events": ["notification.sent"], "is_active": False, "updated_at": None}))
        self.assertGreater(changed["updated_at"], shown["updated_at"])
        self.assertEqual(self.call("DELETE", path)[::2], (204, ""))
        self.assertEqual(self.call("GET", path)[::2], (404, {"error": "Webhook not found"}))
        self.assertEqual(self.call("DELETE", path)[0], 404)

    def test_what_is_wrong_is_told(self):
        """In DRF's words, or in those of the rules for addresses."""
        for body, said in (({}, {"url": ["This field is required."]}), ({"url": None}, {"url": ["This field may not be null."]}),
                           ({"url": ""}, {"url": ["This field may not be blank."]}),
                           ({"url": URL, "events": []}, {"events": ["This selection may not be empty."]}),
                           ({"url": URL, "events": "notification.sent"},
                            {"events": ['Expected a list of items but got type "str".']}),
                           ({"url": URL, "events": ["x"]}, {"events": ['"x" is not a valid choice.']}),
                           ({"url": URL, "description": "x" * 256},
                            {"description": ["Ensure this field has no more than 255 characters."]}),
                           ({"url": "ftp://example.com/"}, {"url": ["Must begin with https://."]}),
                           ({"url": "http://example.com/"}, {"url": ["Must begin with https://."]})):
            self.assertEqual(self.call("POST", "/v1/webhooks/", body)[::2], (400, said), body)
        for host in ("localhost", "127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1",
                     "metadata.google.internal"):
            status, _, answer = self.call("POST", "/v1/webhooks/", {"url": f"https://{host}/"})
            self.assertEqual((status, list(answer)), (400, ["url"]), host)
        made = self.make()
        status, _, answer = self.call("PATCH", f"/v1/webhooks/{made['id']}/", {"url": "https://192.168.0.1/"})
        self.assertEqual((status, list(answer)), (400, ["url"]))
        self.assertEqual(len(self.call("GET", "/v1/webhooks/")[2]), 1)

    def test_what_the_operator_allows_is_taken(self):
        """CELERIAC_WEBHOOK_ALLOW, which the worker reads too."""
        api = CeleriacApi(self.session, "allowing", extra={"CELERIAC_WEBHOOK_ALLOW": "http,127.0.0.0/8"}).start()
        self.addCleanup(api.stop)
        for url, status in (("http://127.0.0.1:8080/hook", 201), ("http://10.0.0.1/", 400), (URL, 201)):
            self.assertEqual(api.request("POST", "/v1/webhooks/", {"url": url}, self.key)[0], status, url)

    def test_forms_are_taken(self):
        """A name for each event."""
        request = urllib.request.Request(f"{self.api.url}/v1/webhooks/", f"url={URL}&events=notification.failed".encode(),
                                         {"X-API-KEY": self.key})
        with urllib.request.urlopen(request, timeout=30) as reply:
            self.assertEqual((reply.status, json.loads(reply.read())["events"]), (201, ["notification.failed"]))

    def test_their_number_is_bounded(self):
        """Also when many are made at once."""
        answers = []

        def make():
            answers.append(self.api.request("POST", "/v1/webhooks/", {"url": URL}, self.key)[0])

        threads = [threading.Thread(target=make) for _ in range(2 * MOST)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(answers), [201] * MOST + [409] * MOST)
        self.assertEqual(self.call("POST", "/v1/webhooks/", {"url": URL})[::2],
                         (409, {"error": "Too many webhooks", "detail": "A tenant can have 10 of them."}))
        self.assertEqual(len(self.call("GET", "/v1/webhooks/")[2]), MOST)

    def test_a_repeat_gets_the_same_answer(self):
        """With its secret, which is stored only where the signatures need it; marked; and nothing else is made."""
        body = {"url": URL, "description": "billing"}
        status, headers, made, raw = self.send("/v1/webhooks/", body, "hook-1")
        self.assertEqual((status, headers.get("idempotent-replayed")), (201, None))
        status, headers, _, again = self.send("/v1/webhooks", body, "hook-1")
        self.assertEqual((status, headers.get("idempotent-replayed"), again), (201, "true", raw))
        self.assertEqual(len(self.call("GET", "/v1/webhooks/")[2]), 1)
        self.assertEqual(self.postgres.psql("SELECT count(*) FROM celeriac.idempotency_keys k WHERE strpos(k::text, 'whsec') > 0 OR "
                                            f"encode(document, 'escape') LIKE '%{made['secret'][6:]}%'"), "0")
        refused = (422, {"error": "Idempotency-Key is already used",
                         "detail": "This key was used for a request with another body or path."})
        self.assertEqual(self.send("/v1/webhooks/", {"url": URL}, "hook-1")[::2], refused)
        self.assertEqual(self.send("/v1/notify/", NOTIFY, "hook-1")[::2], refused)
        self.assertEqual(self.send("/v1/webhooks/", body, "no key")[0], 400)
        self.assertNotEqual(self.send("/v1/webhooks/", body, "hook-2")[2]["id"], made["id"])
        # As it is by now, and with the secret that signs by now.
        path = f"/v1/webhooks/{made['id']}/"
        rotated = self.call("POST", f"{path}rotate-secret/", {"grace_seconds": 0})[2]
        self.call("PATCH", path, {"description": "changed"})
        now = self.send("/v1/webhooks/", body, "hook-1")[2]
        self.assertEqual((now["id"], now["description"], now["secret"]), (made["id"], "changed", rotated["secret"]))
        self.call("DELETE", path)
        self.assertEqual(self.send("/v1/webhooks/", body, "hook-1")[::2], (404, {"error": "Webhook not found"}))

    def test_repeats_at_once_make_one(self):
        """Whoever comes first makes it, and the others wait for that."""
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.send("/v1/webhooks/", {"url": URL}, "hooks-at-once")))
                   for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual({answer[0] for answer in answers}, {201})
        self.assertEqual(len({answer[3] for answer in answers}), 1)
        self.assertEqual(sum("idempotent-replayed" not in answer[1] for answer in answers), 1)
        self.assertEqual(len(self.call("GET", "/v1/webhooks/")[2]), 1)

    def test_a_secret_is_replaced(self):
        """Shown once; the old one stays for its time."""
        made = self.make()
        path = f"/v1/webhooks/{made['id']}/rotate-secret/"
        status, _, rotated = self.call("POST", path, {})
        self.assertEqual(status, 200)
        self.assertNotEqual(rotated["secret"], made["secret"])
        self.assertGreater(rotated["old_secret_until"], rotated["updated_at"])
        self.assertEqual(self.postgres.psql("SELECT secret, old_secret, old_secret_until - updated_at FROM celeriac.webhooks"),
                         f"{rotated['secret']}|{made['secret']}|1 day")
        self.assertIsNone(self.call("POST", path, {"grace_seconds": 0})[2]["old_secret_until"])
        for number, said in ((-1, "Ensure this value is greater than or equal to 0."),
                             (2592001, "Ensure this value is less than or equal to 2592000.")):
            self.assertEqual(self.call("POST", path, {"grace_seconds": number})[::2], (400, {"grace_seconds": [said]}))
        self.assertNotIn("secret", self.call("GET", f"/v1/webhooks/{made['id']}/")[2])

    def test_what_was_switched_off_begins_anew(self):
        """As a worker switches it off."""
        made = self.make()
        self.postgres.psql("UPDATE celeriac.webhooks SET is_active = false, disabled_reason = 'it failed', failures = 40, "
                           "failing_since = now() - interval '5 days', paused_until = now() + interval '1 hour'")
        path = f"/v1/webhooks/{made['id']}/"
        off = self.call("GET", path)[2]
        self.assertEqual((off["is_active"], off["disabled_reason"]), (False, "it failed"))
        self.assertLess(off["failing_since"], off["paused_until"])
        self.assertEqual(self.call("POST", f"{path}test/")[0], 409)
        status, _, on = self.call("PATCH", path, {"is_active": True})
        self.assertEqual((status, on["is_active"], on["disabled_reason"], on["failing_since"], on["paused_until"]),
                         (200, True, None, None, None))
        self.assertEqual(self.call("POST", f"{path}test/")[0], 202)

    def test_events_are_recorded_and_repeated(self):
        """A test event, its lists, and another try."""
        made = self.make()
        path = f"/v1/webhooks/{made['id']}/"
        status, _, event = self.call("POST", f"{path}test/")
        self.assertEqual((status, event["webhook_id"], event["notification_id"], event["event"], event["status"], event["attempts"]),
                         (202, made["id"], None, "webhook.test", "pending", 0))
        self.assertEqual((event["payload"]["type"], event["payload"]["data"]), ("webhook.test", {"webhook_id": made["id"]}))
        one = f"/v1/webhook-messages/{event['id']}/"
        self.assertEqual(self.call("GET", one)[::2], (200, event))
        self.postgres.psql("UPDATE celeriac.webhook_messages SET status = 'failed', attempts = 9, response_status = 500, "
                           "error = 'HTTP 500', last_attempt_at = now()")
        failed = self.call("GET", one)[2]
        self.assertEqual((failed["status"], failed["next_attempt_at"], failed["response_status"]), ("failed", None, 500))
        status, _, again = self.call("POST", f"{one}retry/")
        self.assertEqual((status, again["status"], again["attempts"], again["id"]), (202, "pending", 0, event["id"]))
        self.assertIsNotNone(again["next_attempt_at"])
        self.call("PATCH", path, {"is_active": False})
        self.assertEqual(self.call("POST", f"{one}retry/")[::2],
                         (409, {"error": "Message cannot be delivered", "detail": "Its webhook is switched off."}))
        for method, nothing in (("GET", f"/v1/webhook-messages/{NOBODYS}/"), ("POST", f"/v1/webhook-messages/{NOBODYS}/retry/")):
            self.assertEqual(self.call(method, nothing)[::2], (404, {"error": "Webhook message not found"}))
        for method, nothing in (("GET", f"/v1/webhooks/{NOBODYS}/messages/"), ("POST", f"/v1/webhooks/{NOBODYS}/test/")):
            self.assertEqual(self.call(method, nothing)[::2], (404, {"error": "Webhook not found"}))

    def test_messages_by_page_and_status(self):
        """Newest first, as the other lists."""
        made = self.make()
        path = f"/v1/webhooks/{made['id']}/messages/"
        ids = [self.call("POST", f"/v1/webhooks/{made['id']}/test/")[2]["id"] for _ in range(WAITING_TESTS)][::-1]
        self.assertEqual(self.call("POST", f"/v1/webhooks/{made['id']}/test/")[0], 409)
        listed = self.call("GET", path)[2]
        self.assertEqual([row["id"] for row in listed], ids)
        self.assertNotIn("payload", listed[0])
        first = self.call("GET", f"{path}?cursor=&limit=3")[2]
        second = self.call("GET", f"{path}?cursor={first['next_cursor']}&limit=3")[2]
        self.assertEqual([row["id"] for row in first["results"] + second["results"]], ids)
        self.assertIsNone(second["next_cursor"])
        self.postgres.psql(f"UPDATE celeriac.webhook_messages SET status = 'delivered' WHERE id = '{ids[1]}'")
        self.assertEqual([row["id"] for row in self.call("GET", f"{path}?status=delivered")[2]], [ids[1]])
        self.assertEqual(self.call("GET", f"{path}?status=pending&created_after={listed[0]['created_at']}")[2][0]["id"], ids[0])
        self.assertEqual(self.call("GET", f"{path}?status=lost")[::2], (200, []))
        self.assertEqual(self.call("GET", f"{path}?cursor=x")[::2], (404, {"detail": "Invalid cursor"}))

    def test_secrets_are_not_logged(self):
        """Nor are addresses."""
        made = self.make()
        self.call("POST", f"/v1/webhooks/{made['id']}/rotate-secret/", {})
        log = self.api.log.read_text()
        self.assertIn("/v1/webhooks/{uuid}/rotate-secret/", log)
        for secret in ("whsec_", "hooks.example.com"):
            self.assertNotIn(secret, log)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=sys.argv)
