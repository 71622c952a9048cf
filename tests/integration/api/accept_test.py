"""Idempotency keys, batches and send_at: python3 -m tests.integration.api.accept_test"""

import base64
import http.client
import json
import socket
import sys
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone

from tests.integration.api.stage import NOTIFY, Stage
from tests.services import CeleriacApi, wait_until


def later(seconds: float) -> str:
    """That many seconds from now, as a client writes it."""
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


class AcceptStage(Stage):
    """What the tests here share."""

    def number(self, sql: str) -> int:
        return int(self.postgres.psql(sql))

    def messages(self) -> dict[str, dict]:
        """The messages in the queue, by their task's id."""
        found = [json.loads(text) for text in self.redis.call("LRANGE", "celery", 0, -1)]
        return {message["headers"]["id"]: message for message in found}


class IdempotencyTest(AcceptStage):
    """POST /v1/notify/ with an Idempotency-Key."""

    def test_a_repeat_gets_the_same_answer(self):
        """Byte for byte, marked, and nothing is done a second time; both forms of the path are one."""
        before = self.number("SELECT count(*) FROM notifications")
        first = self.send("/v1/notify/", NOTIFY, "k-1")
        again = self.send("/v1/notify", NOTIFY, "k-1")
        self.assertEqual((first[0], again[0]), (202, 202))
        self.assertEqual(first[3], again[3])
        self.assertNotIn("idempotent-replayed", first[1])
        self.assertEqual(again[1]["idempotent-replayed"], "true")
        self.assertEqual(self.number("SELECT count(*) FROM notifications") - before, 1)
        other = self.send("/v1/notify/", NOTIFY, "k-2")
        self.assertNotEqual(other[2]["id"], first[2]["id"])

    def test_another_request_is_refused(self):
        """Another body, or another path: 422, and nothing is done."""
        self.send("/v1/notify/", NOTIFY, "k-other")
        before = self.number("SELECT count(*) FROM notifications")
        refused = (422, {"error": "Idempotency-Key is already used",
                         "detail": "This key was used for a request with another body or path."})
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "to": "other@example.com"}, "k-other")
        self.assertEqual((status, body), refused)
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": [NOTIFY]}, "k-other")
        self.assertEqual((status, body), refused)
        self.assertEqual(self.number("SELECT count(*) FROM notifications"), before)

    def test_keys_are_checked(self):
        """1 to 255 visible ASCII characters."""
        for key in ("", " ", "a b", "k" * 256, "k\u00e9", "k\x7f"):
            status, _, body, _ = self.send("/v1/notify/", NOTIFY, key)
            self.assertEqual((status, body["error"]), (400, "Invalid Idempotency-Key"), repr(key))
        for key in ("!", "~", "k" * 255, '"8e03978e-40d5-43ee-bc93-6894a57f9324"'):
            self.assertEqual(self.send("/v1/notify/", NOTIFY, key)[0], 202, repr(key))

    def test_errors_are_not_kept(self):
        """A request that failed can be mended and sent again under its key."""
        for body, status in (({**NOTIFY, "to": "nobody"}, 400), ({**NOTIFY, "template": "none"}, 404), ("{", 400),
                             (NOTIFY, 202), ({**NOTIFY, "to": "nobody@example.com"}, 422)):
            self.assertEqual(self.send("/v1/notify/", body, "k-mended")[0], status)

    def test_a_repeat_does_not_depend_on_what_has_changed(self):
        """The template is gone, the answer is the same."""
        template = self.call("POST", "/v1/templates/", {"name": "gone", "channel": "sms", "body": "b"})[2]
        body = {"channel": "sms", "to": "+1234567890", "template": "gone"}
        first = self.send("/v1/notify/", body, "k-template")
        self.call("DELETE", f"/v1/templates/{template['id']}/")
        self.assertEqual(self.send("/v1/notify/", body, "k-template")[3], first[3])
        self.assertEqual(self.send("/v1/notify/", body, "k-template 2".replace(" ", "-"))[0], 404)

    def test_keys_are_a_tenants_own(self):
        """Two tenants may use the same key."""
        _, other_key = self.api.register("Keys", "keys@acme.example")
        ours = self.send("/v1/notify/", NOTIFY, "k-tenant")
        theirs = self.send("/v1/notify/", {**NOTIFY, "to": "x@example.com"}, "k-tenant", tenant_key=other_key)
        self.assertEqual((ours[0], theirs[0]), (202, 202))
        self.assertNotEqual(ours[2]["id"], theirs[2]["id"])

    def test_many_at_once_are_one(self):
        """Repeats at the same time, at two processes: each gets the one answer."""
        second = CeleriacApi(self.session, "second", migrate=False).start()
        try:
            for round_number in range(5):
                answers = []

                def repeat(api, key=f"k-race-{round_number}", found=answers):
                    found.append(self.send("/v1/notify/", {**NOTIFY, "data": {"race": key}}, key, api))

                threads = [threading.Thread(target=repeat, args=(api,)) for api in (self.api, second) * 12]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                self.assertEqual({(status, raw) for status, _, _, raw in answers}, {(202, answers[0][3])})
                self.assertEqual(sum("idempotent-replayed" not in headers for _, headers, _, _ in answers), 1)
                self.assertEqual(self.number("SELECT count(*) FROM notifications WHERE data->'template_data'->>'race' = "
                                             f"'k-race-{round_number}'"), 1)
        finally:
            self.assertEqual(second.stop(), 0)

    def test_an_api_that_is_killed_does_each_once(self):
        """A client that repeats until it hears something: one notification for each key."""
        api = CeleriacApi(self.session, "killed", migrate=False).start()
        answers = {}
        stop = threading.Event()

        def client(number):
            sent = 0
            while not stop.is_set():
                key = f"k-kill-{number}-{sent}"
                body = {**NOTIFY, "data": {"kill": key}}
                while key not in answers and not stop.is_set():
                    try:
                        status, _, document, _ = self.send("/v1/notify/", body, key, api)
                    except (OSError, http.client.HTTPException, ValueError):
                        time.sleep(0.02)
                        continue
                    if status == 202:
                        answers[key] = document["id"]
                sent += 1

        threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            done = len(answers)
            wait_until(lambda expected=done: len(answers) > expected + 20, 60, "answers")
            api.kill()
            api.start()
        stop.set()
        for thread in threads:
            thread.join()
        api.stop()
        rows = dict(line.split("|") for line in self.postgres.psql(
            "SELECT data->'template_data'->>'kill', string_agg(id::text, ' ') FROM notifications "
            "WHERE data->'template_data' ? 'kill' GROUP BY 1").splitlines())
        self.assertEqual({key: rows.get(key) for key in answers}, answers)
        self.assertEqual([ids for ids in rows.values() if " " in ids], [])

    def test_keys_are_forgotten_after_a_day(self):
        """The next process that sweeps removes them."""
        first = self.send("/v1/notify/", NOTIFY, "k-old")
        self.postgres.psql("UPDATE celeriac.idempotency_keys SET created_at = now() - interval '24 hours 1 second' "
                           "WHERE key = 'k-old'")
        sweeper = CeleriacApi(self.session, "sweeper", migrate=False).start()
        try:
            wait_until(lambda: not self.number("SELECT count(*) FROM celeriac.idempotency_keys WHERE key = 'k-old'"),
                       20, "the sweep")
        finally:
            sweeper.stop()
        self.assertNotEqual(self.send("/v1/notify/", NOTIFY, "k-old")[2]["id"], first[2]["id"])


class BatchTest(AcceptStage):
    """POST /v1/notify/batch/."""

    def test_each_item_is_answered_in_order(self):
        """202 or the answer that it would get by itself; those that are in order are sent."""
        self.call("POST", "/v1/templates/", {"name": "batch", "channel": "sms", "body": "b"})
        sms = {"channel": "sms", "to": "+1234567890"}
        items = [NOTIFY, {**NOTIFY, "to": "nobody"}, {**sms, "template": "batch"}, {**sms, "template": "none"}, 5,
                 {**sms, "template": "batch"}, {**sms, "template_id": 10 ** 20}, {**NOTIFY, "send_at": later(3600)}]
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": items})
        self.assertEqual(status, 202)
        self.assertEqual((body["accepted"], body["rejected"]), (4, 4))
        self.assertEqual([one["status"] for one in body["results"]], [202, 400, 202, 404, 400, 202, 404, 202])
        for item, result in zip(items, body["results"]):
            if result["status"] != 202:
                alone = self.send("/v1/notify/", item)
                self.assertEqual((alone[0], alone[2]), (result["status"], result["body"]))
                continue
            row = self.postgres.psql("SELECT status, channel, \"to\", template_id IS NULL FROM notifications "
                                     f"WHERE id = '{result['body']['id']}'")
            self.assertEqual(row, "|".join(["pending", item["channel"], item["to"], "f" if "template" in item else "t"]))
        now = {result["body"]["id"] for result in body["results"][:-1] if result["status"] == 202}
        wait_until(lambda: now <= self.messages().keys(), 20, "the messages")

    def test_the_list_has_limits(self):
        """DRF's words for its ListField."""
        for document, answer in (
                ({}, {"notifications": ["This field is required."]}),
                ([], {"non_field_errors": ["Invalid data. Expected a dictionary, but got list."]}),
                ({"notifications": None}, {"notifications": ["This field may not be null."]}),
                ({"notifications": "x"}, {"notifications": ['Expected a list of items but got type "str".']}),
                ({"notifications": {}}, {"notifications": ['Expected a list of items but got type "dict".']}),
                ({"notifications": []}, {"notifications": ["This list may not be empty."]}),
                ({"notifications": [NOTIFY] * 1001},
                 {"notifications": ["Ensure this field has no more than 1000 elements."]})):
            status, _, body, _ = self.send("/v1/notify/batch/", document)
            self.assertEqual((status, body), (400, answer))
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": [{}, {"channel": "fax"}]})
        self.assertEqual((status, body["accepted"], body["rejected"]), (400, 0, 2))
        self.assertEqual(body["results"][0]["body"], {"channel": ["This field is required."],
                                                      "to": ["This field is required."]})

    def test_a_thousand_arrive(self):
        """The most that one call takes, each stored and queued once."""
        items = [{**NOTIFY, "to": f"user{number}@example.com"} for number in range(1000)]
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": items})
        self.assertEqual((status, body["accepted"]), (202, 1000))
        self.assertEqual([one["body"]["to"] for one in body["results"]], [item["to"] for item in items])
        ids = {one["body"]["id"] for one in body["results"]}
        self.assertEqual(len(ids), 1000)
        wait_until(lambda: ids <= self.messages().keys(), 20, "the messages")
        wait_until(lambda: not self.number("SELECT count(*) FROM celeriac.outbox WHERE eta IS NULL"), 20, "the outbox")

    def test_bodies_may_be_long(self):
        """8 MiB here, 2.5 MiB elsewhere."""
        item = {**NOTIFY, "body": "b" * 2_500_000}
        self.assertEqual(self.send("/v1/notify/batch", {"notifications": [item] * 3})[0], 202)
        status, _, body, _ = self.send("/v1/notify/batch/", {"notifications": [item] * 4})
        self.assertEqual((status, body), (413, {"detail": "Request body exceeded 8388608 bytes."}))
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "body": "b" * 2_700_000})
        self.assertEqual((status, body), (413, {"detail": "Request body exceeded 2621440 bytes."}))

    def test_a_batch_with_a_key_is_done_once(self):
        """The whole document again."""
        batch = {"notifications": [NOTIFY, {}, NOTIFY]}
        first = self.send("/v1/notify/batch/", batch, "b-1")
        before = self.number("SELECT count(*) FROM notifications")
        again = self.send("/v1/notify/batch/", batch, "b-1")
        self.assertEqual((first[0], first[3]), (again[0], again[3]))
        self.assertEqual(again[1]["idempotent-replayed"], "true")
        self.assertEqual(self.send("/v1/notify/batch/", {"notifications": [NOTIFY]}, "b-1")[0], 422)
        self.assertEqual(self.number("SELECT count(*) FROM notifications"), before)

    def test_the_database_takes_all_or_none(self):
        """One row that it refuses: nobody is told that anything was accepted, and nothing is there."""
        self.postgres.psql(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN IF NEW.\"to\" = 'no@example.com' THEN RAISE check_violation; END IF; RETURN NEW; END$$; "
            "CREATE TRIGGER refuse BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            items = [{**NOTIFY, "to": to, "data": {"whole": 1}} for to in ("a@example.com", "no@example.com")]
            self.assertEqual(self.send("/v1/notify/batch/", {"notifications": items})[0], 500)
        finally:
            self.postgres.psql("DROP TRIGGER refuse ON notifications; DROP FUNCTION refuse()")
        self.assertEqual(self.number("SELECT count(*) FROM notifications WHERE data->'template_data' ? 'whole'"), 0)


class CancelTest(AcceptStage):
    """POST /v1/notifications/{uuid}/cancel/."""

    def test_a_pending_one_is_cancelled(self):
        """Whoever repeats it gets the same; the list knows the status."""
        sent = self.send("/v1/notify/", NOTIFY)[2]
        path = f"/v1/notifications/{sent['id']}/cancel/"
        for _ in range(2):
            status, _, body = self.call("POST", path)
            self.assertEqual((status, body["id"], body["status"]), (200, sent["id"], "cancelled"))
        listed = self.call("GET", "/v1/notifications/?status=cancelled")[2]
        self.assertEqual([one["id"] for one in listed], [sent["id"]])

    def test_others_are_not(self):
        """409 with the status; nobody's are not found."""
        sent = self.send("/v1/notify/", NOTIFY)[2]
        self.postgres.psql(f"UPDATE notifications SET status = 'processing' WHERE id = '{sent['id']}'")
        status, _, body = self.call("POST", f"/v1/notifications/{sent['id']}/cancel/")
        self.assertEqual((status, body), (409, {"error": "Notification cannot be cancelled",
                                                "detail": "Its status is processing."}))
        _, other = self.api.register("Cancel", "cancel@acme.example")
        pending = self.send("/v1/notify/", NOTIFY)[2]
        for key, one in ((other, pending["id"]), (self.key, "01234567-89ab-4def-8123-456789abcdef")):
            status, _, body = self.call("POST", f"/v1/notifications/{one}/cancel/", key=key)
            self.assertEqual((status, body), (404, {"error": "Notification not found"}))

    def test_workers_are_told(self):
        """Those that may have its message; nobody when it was not published."""
        connection = socket.create_connection(("127.0.0.1", self.redis.port), timeout=60)
        self.addCleanup(connection.close)
        connection.sendall(b"PSUBSCRIBE *celery.pidbox*\r\n")
        heard = b""
        while not heard.endswith(b":1\r\n"):
            heard += connection.recv(65536)
        far = self.send("/v1/notify/", {**NOTIFY, "send_at": later(3600)})[2]
        near = self.send("/v1/notify/", {**NOTIFY, "send_at": later(30)})[2]
        for one in (far, near):
            self.assertEqual(self.call("POST", f"/v1/notifications/{one['id']}/cancel/")[0], 200)
        while b"pmessage" not in heard or not heard.endswith(b"}\r\n"):
            heard += connection.recv(65536)
        body = base64.b64decode(json.loads(heard[heard.index(b'{"'):heard.rindex(b"}") + 1])["body"])
        request = json.loads(body)
        self.assertEqual((request["method"], request["arguments"]["task_id"]), ("revoke", [near["id"]]))
        self.assertEqual(self.number(f"SELECT count(*) FROM celeriac.outbox WHERE notification_id = '{far['id']}'"), 0)


class DeadLetterTest(AcceptStage):
    """Dead letters: one, retried, and retried by filter."""

    def dead(self, reason, tenant=None, **more):
        """A notification that was given up: its id and its dead letter's."""
        sent = self.send("/v1/notify/", {**NOTIFY, **more}, tenant_key=tenant)[2]
        wait_until(lambda: sent["id"] in self.messages(), 20, "the message")
        letter = self.postgres.psql(
            f"UPDATE notifications SET status = 'failed', error_message = '{reason}' WHERE id = '{sent['id']}'; "
            f"INSERT INTO dead_letters VALUES (gen_random_uuid(), '{reason}', 3, now(), '{sent['id']}') "
            "RETURNING id").split()
        self.redis.call("DEL", "celery")
        return sent["id"], next(word for word in letter if len(word) == 36)

    def setUp(self):
        self.redis.call("DEL", "celery")
        self.postgres.psql("DELETE FROM dead_letters")

    def test_one_is_shown_and_retried(self):
        """It is queued again, and the letter is gone."""
        notification, letter = self.dead("refused")
        _, other = self.api.register("Dead", "dead@acme.example")
        path = f"/v1/dead-letters/{letter}/"
        status, _, body = self.call("GET", path)
        self.assertEqual((status, body), (200, self.call("GET", "/v1/dead-letters/")[2][0]))
        for method, where in (("GET", path), ("POST", path + "retry/")):
            self.assertEqual(self.call(method, where, key=other)[::2], (404, {"error": "Dead letter not found"}))
        status, _, body = self.call("POST", path + "retry/")
        self.assertEqual((status, body["id"], body["status"], body["error_message"]),
                         (202, notification, "pending", None))
        wait_until(lambda: notification in self.messages(), 20, "the message")
        for method, where in (("GET", path), ("POST", path + "retry/")):
            self.assertEqual(self.call(method, where)[::2], (404, {"error": "Dead letter not found"}))

    def test_many_are_retried(self):
        """By filter; the answer tells whether there are more."""
        first = self.dead("greylisted, 450")[0]
        second = self.dead("greylisted, 451")[0]
        third = self.dead("no such user")[0]
        _, other = self.api.register("Dead 2", "dead2@acme.example")
        foreign = self.dead("greylisted", tenant=other)[0]
        retry = "/v1/dead-letters/retry/"
        self.assertEqual(self.call("POST", retry, {"reason_contains": "Greylisted"})[2], {"retried": 0, "more": False})
        self.assertEqual(self.call("POST", retry, {"created_before": "2020-01-01"})[2], {"retried": 0, "more": False})
        status, _, body = self.call("POST", retry, {"reason_contains": "greylisted", "limit": 1})
        self.assertEqual((status, body), (202, {"retried": 1, "more": True}))
        wait_until(lambda: first in self.messages(), 20, "the oldest")
        body = self.call("POST", retry, {"channel": "email", "reason_contains": "greylisted"})[2]
        self.assertEqual(body, {"retried": 1, "more": False})
        self.assertEqual(self.call("POST", retry, {})[2], {"retried": 1, "more": False})
        wait_until(lambda: {first, second, third} <= self.messages().keys(), 20, "the messages")
        self.assertEqual(self.call("GET", f"/v1/notifications/{foreign}/", key=other)[2]["status"], "failed")

    def test_filters_are_checked(self):
        """In DRF's words."""
        for body, answer in (({"limit": 0}, {"limit": ["Ensure this value is greater than or equal to 1."]}),
                             ({"limit": 1001}, {"limit": ["Ensure this value is less than or equal to 1000."]}),
                             ({"limit": -10 ** 30}, {"limit": ["Ensure this value is greater than or equal to 1."]}),
                             ({"limit": "x"}, {"limit": ["A valid integer is required."]}),
                             ({"channel": "fax"}, {"channel": ['"fax" is not a valid choice.']}),
                             ({"reason_contains": "r" * 256},
                              {"reason_contains": ["Ensure this field has no more than 255 characters."]})):
            status, _, document = self.call("POST", "/v1/dead-letters/retry/", body)
            self.assertEqual((status, document), (400, answer))


class SendAtTest(AcceptStage):
    """send_at."""

    def test_near_times_travel_as_etas(self):
        """Within the horizon the message is published at once, with its eta."""
        at = later(30)
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "send_at": at})
        self.assertEqual((status, body["status"], body["send_at"]), (202, "pending", at))
        wait_until(lambda: body["id"] in self.messages(), 20, "the message")
        eta = datetime.fromisoformat(self.messages()[body["id"]]["headers"]["eta"])
        self.assertEqual(eta, datetime.fromisoformat(at.replace("Z", "+00:00")))
        self.assertEqual(self.call("GET", f"/v1/notifications/{body['id']}/")[2]["data"]["send_at"], at)

    def test_far_times_wait_in_the_database(self):
        """Until the horizon; then any process publishes them."""
        at = later(86400)
        _, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "send_at": at})
        row = f"FROM celeriac.outbox WHERE notification_id = '{body['id']}'"
        self.assertEqual(self.postgres.psql(f"SELECT eta - claimed_until {row}"), "00:01:00")
        time.sleep(2.5)  # two sweeps
        self.assertNotIn(body["id"], self.messages())
        self.postgres.psql(f"UPDATE celeriac.outbox SET claimed_until = now() WHERE notification_id = '{body['id']}'")
        wait_until(lambda: body["id"] in self.messages(), 20, "the message")
        eta = datetime.fromisoformat(self.messages()[body["id"]]["headers"]["eta"])
        self.assertEqual(eta, datetime.fromisoformat(at.replace("Z", "+00:00")))
        wait_until(lambda: self.number(f"SELECT count(*) {row}") == 0, 20, "the row's end")

    def test_past_times_are_now(self):
        """And a time without a zone is UTC."""
        past = self.send("/v1/notify/", {**NOTIFY, "send_at": "2020-01-01T00:00"})[2]
        naive = self.send("/v1/notify/", {**NOTIFY, "send_at": later(20).removesuffix("Z")})[2]
        self.assertNotIn("send_at", past)
        wait_until(lambda: {past["id"], naive["id"]} <= self.messages().keys(), 20, "the messages")
        self.assertIsNone(self.messages()[past["id"]]["headers"]["eta"])
        self.assertIsNotNone(self.messages()[naive["id"]]["headers"]["eta"])

    def test_bad_times_are_refused(self):
        """In DRF's words."""
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "send_at": "tomorrow"})
        self.assertEqual((status, body), (400, {"send_at": [
            "Datetime has wrong format. Use one of these formats instead: "
            "YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."]}))
        status, _, body, _ = self.send("/v1/notify/", {**NOTIFY, "send_at": later(367 * 86400)})
        self.assertEqual((status, body), (400, {"send_at": ["Ensure this time is within the next 366 days."]}))


if __name__ == "__main__":
    unittest.main(module=sys.modules[__name__], verbosity=2)
