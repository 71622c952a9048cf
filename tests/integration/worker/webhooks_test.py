"""Webhooks of tenants over real HTTP: python3 -m tests.integration.worker.webhooks_test"""

import base64
import collections
import hashlib
import hmac
import json
import unittest
import uuid

from tests.integration.worker.providers_test import Stage
from tests.services import ApiRequest, ApiServer, CeleriacApi, CeleriacWorker, ServiceError, SmtpServer, wait_until

WAIT_S = 120
QUEUE = "celeriac.webhooks"
TAKEN = {"status": 204, "body": ""}
FAILED = {"status": 500, "body": "secret words of the endpoint"}
ALLOW = "http,127.0.0.0/8"


def new_secret(fill: int) -> str:
    """A secret as tenants get it."""
    return "whsec_" + base64.b64encode(bytes([fill]) * 32).decode()


def signature(secret: str, request: ApiRequest) -> str:
    """What a receiver computes, by nothing but the specification."""
    head = request.headers
    signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.{request.body}".encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class WebhookStage(Stage):
    """A receiver, and a tenant of its own for each test, so that no test hears of another's notifications."""

    TLS = False

    @classmethod
    def open_providers(cls):
        cls.smtp = SmtpServer(cls.session).start()
        cls.receiver = ApiServer(cls.session, "receiver", tls=cls.TLS).start()

    def setUp(self):
        self.tenant, self.key = self.api.register(email=f"{uuid.uuid4()}@example.com")
        self.secret = new_secret(7)

    def hooks_worker(self, *options: str, wait: bool = True, **extra: str) -> CeleriacWorker:
        """A worker that may post to this machine, and retries notifications once."""
        return self.worker(*options, wait=wait, **{"CELERIAC_WEBHOOK_ALLOW": ALLOW, "CELERIAC_RETRY_SCHEDULE": "1",
                                                   "CELERIAC_WEBHOOK_SCHEDULE": "1,1,1,1,1,1,1,1", **extra})

    def endpoint(self, path: str = "/hook", url: str | None = None, **columns: str) -> str:
        """A new endpoint of the tenant; columns: further ones, as SQL."""
        number = str(uuid.uuid4())
        names = "".join(f", {name}" for name in columns)
        values = "".join(f", {value}" for value in columns.values())
        self.postgres.psql(f"INSERT INTO celeriac.webhooks (id, tenant_id, url, secret{names}) VALUES ('{number}', "
                           f"'{self.tenant}', '{url or self.receiver.url + path}', '{self.secret}'{values})")
        return number

    def insert(self, endpoint: str, count: int) -> None:
        """So many new messages for it, of no notification."""
        self.postgres.psql("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event, occurrence, payload) "
                           f"SELECT gen_random_uuid(), '{endpoint}', '{self.tenant}', 'webhook.test', gen_random_uuid(), "
                           f"'{{}}' FROM generate_series(1, {count})")

    def hook(self, endpoint: str, columns: str) -> str:
        """Columns of an endpoint's row."""
        return self.value(f"SELECT {columns} FROM celeriac.webhooks WHERE id = '{endpoint}'")

    def messages(self, columns: str = "event, status, attempts") -> list[str]:
        """The rows of the tenant's messages, in the order of their making."""
        return self.value(f"SELECT {columns} FROM celeriac.webhook_messages WHERE tenant_id = '{self.tenant}' "
                          "ORDER BY created_at, id").splitlines()

    def wait_messages(self, expected: list[str], columns: str = "event, status, attempts") -> None:
        """Waits until they are so."""
        try:
            wait_until(lambda: self.messages(columns) == expected, WAIT_S, "the messages")
        except ServiceError:
            # A difference of long lists would take minutes to print.
            self.fail(str(collections.Counter(self.messages(columns))))

    def assert_signed(self, request: ApiRequest, *secrets: str) -> None:
        """Signed by these secrets and no others, and complete."""
        self.assertEqual(request.headers["webhook-signature"].split(" "), [signature(s, request) for s in secrets])
        self.assertEqual(request.headers["Content-Type"], "application/json")
        self.assertLess(abs(int(request.headers["webhook-timestamp"]) - request.time), WAIT_S)
        self.assertTrue(uuid.UUID(request.headers["webhook-id"]))


class EventsTest(WebhookStage):
    """What is told, and that it is told once."""

    def test_sent(self):
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker()
        self.endpoint()
        one = self.post("user@example.com")
        self.assertEqual(self.ended(one)["status"], "sent")
        self.wait_messages(["notification.sent|delivered|1"])
        (request,) = self.receiver.requests("/hook")
        self.assert_signed(request, self.secret)
        state = self.state(one)
        self.assertEqual(request.json["type"], "notification.sent")
        data = request.json["data"]
        self.assertEqual((data["id"], data["channel"], data["status"], data["template"], data["error_message"],
                          data["retry_count"], data["simulated"]), (one, "email", "sent", None, None, None, False))
        self.assertEqual(data["sent_at"], request.json["timestamp"])
        self.assertEqual(data["sent_at"].rstrip("Z").ljust(26, "0"), state["sent_at"].rstrip("Z").ljust(26, "0"))
        self.assertNotIn("user@example.com", request.body)
        self.assertEqual(self.messages("id, payload, response_status, error, delivered_at IS NOT NULL"),
                         [f"{request.headers['webhook-id']}|{request.body}|204||t"])
        # Another tenant hears nothing of it, and is told of nothing either.
        self.assertEqual(self.value("SELECT count(*) FROM celeriac.webhook_messages WHERE "
                                    f"tenant_id <> '{self.tenant}' AND notification_id = '{one}'"), "0")

    def test_failed_and_failed_again(self):
        """A dead letter that is retried can fail once more: that is another event."""
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker()
        self.endpoint()
        one = self.post("reject-550-hook@example.com")
        self.assertEqual(self.ended(one)["status"], "failed")
        self.wait_messages(["notification.failed|delivered|1"])
        (request,) = self.receiver.requests("/hook")
        self.assert_signed(request, self.secret)
        data = request.json["data"]
        self.assertEqual((request.json["type"], data["id"], data["status"], data["sent_at"], data["retry_count"]),
                         ("notification.failed", one, "failed", None, 1))
        self.assertIn("550", data["error_message"])
        letter = self.value(f"SELECT id FROM dead_letters WHERE notification_id = '{one}'")
        status, _, body = self.api.request("POST", f"/v1/dead-letters/{letter}/retry/", {}, self.key)
        self.assertLess(status, 300, body)
        self.wait_messages(["notification.failed|delivered|1"] * 2)
        self.assertEqual(len({r.headers["webhook-id"] for r in self.receiver.requests("/hook")}), 2)

    def test_events_are_chosen(self):
        """By each endpoint; one that is switched off gets none."""
        self.receiver.script({path: [TAKEN] for path in ("/sent", "/failed", "/off")})
        self.hooks_worker()
        self.endpoint("/sent", events="'{notification.sent}'")
        self.endpoint("/failed", events="'{notification.failed}'")
        self.endpoint("/off", is_active="false")
        for to in ("user@example.com", "reject-550-choice@example.com"):
            self.ended(self.post(to))
        wait_until(lambda: sorted(self.messages()) == ["notification.failed|delivered|1",
                                                       "notification.sent|delivered|1"], WAIT_S, "the messages")
        found = [(r.path, r.json["type"]) for r in self.receiver.requests()]
        self.assertEqual(sorted(found), [("/failed", "notification.failed"), ("/sent", "notification.sent")])

    def test_many(self):
        """Each of a hundred is told once, to each of two endpoints, whichever process has sent it."""
        self.receiver.script({"/a": [TAKEN], "/b": [TAKEN]})
        self.hooks_worker("-n", "one@test")
        second = CeleriacWorker(self.session, "second", concurrency=3, extra={"CELERIAC_WEBHOOK_ALLOW": ALLOW})
        self.addCleanup(second.stop)
        second.start()
        self.endpoint("/a")
        self.endpoint("/b")
        sent = {self.post("user@example.com") for _ in range(100)}
        self.wait_messages(["notification.sent|delivered|1"] * 200)
        for path in ("/a", "/b"):
            told = [r.json["data"]["id"] for r in self.receiver.requests(path)]
            self.assertEqual((len(told), set(told)), (100, sent))

    def test_simulated(self):
        """What a test key only simulates is told as well, and says so."""
        self.receiver.script({"/hook": [TAKEN]})
        api = CeleriacApi(self.session, "quiet", extra={"CELERIAC_TEST_KEYS_SEND": "false"}).start()
        self.addCleanup(api.stop)
        status, _, body = api.request("POST", "/v1/api-keys/", {"name": "test", "is_test": True}, self.key)
        self.assertEqual(status, 201, body)
        self.endpoint()
        status, _, one = api.request("POST", "/v1/notify/", {"channel": "email", "to": "user@example.com",
                                                             "subject": "a", "body": "b"}, body["api_key"])
        self.assertEqual(status, 202, one)
        self.hooks_worker()
        self.wait_messages(["notification.sent|delivered|1"])
        (request,) = self.receiver.requests("/hook")
        self.assert_signed(request, self.secret)
        self.assertEqual((request.json["data"]["id"], request.json["data"]["simulated"]), (one["id"], True))

    def test_prefork(self):
        self.receiver.script({"/hook": [FAILED, TAKEN]})
        self.hooks_worker("-P", "prefork")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|2"])
        self.assertEqual(len(self.receiver.requests("/hook")), 2)

    def test_switched_off(self):
        """Without webhooks the queue is not consumed and nothing is published; messages are made for those with."""
        self.receiver.script({"/hook": [TAKEN]})
        worker = self.hooks_worker(CELERIAC_WEBHOOKS="false")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.assertEqual(self.messages(), ["notification.sent|pending|0"])
        self.assertEqual(self.redis.call("LLEN", QUEUE), 0)
        worker.stop()
        self.hooks_worker("-Q", QUEUE)
        self.wait_messages(["notification.sent|delivered|1"])


class RetriesTest(WebhookStage):
    """Failures, and what follows."""

    def test_after_500(self):
        """The same id and bytes, signed anew, until it is taken; nothing of the answer is kept."""
        self.receiver.script({"/hook": [FAILED, {"close": True}, {"status": 302, "body": "", "headers": {
            "Location": self.receiver.url + "/elsewhere"}}, {"status": 200, "body": "x" * 200000}],
            "/elsewhere": [TAKEN]})
        worker = self.hooks_worker()
        endpoint = self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered"], "event, status")
        requests = self.receiver.requests()
        self.assertEqual([r.path for r in requests], ["/hook"] * 4)
        self.assertEqual(len({(r.headers["webhook-id"], r.body) for r in requests}), 1)
        for request in requests:
            self.assert_signed(request, self.secret)
        self.assertEqual(self.hook(endpoint, "failures, failing_since IS NULL, is_active"), "0|t|t")
        self.assertNotIn("secret words", worker.log_text())
        self.assertTrue(worker.logged("HTTP 500"))

    def test_a_body_that_is_wrong(self):
        """Nobody looks at it: what was answered with 200 is delivered."""
        self.receiver.script({"/hook": [{"status": 200, "body": "no chunk", "headers": {"Transfer-Encoding": "chunked"}}]})
        self.hooks_worker()
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|1|200|"], "event, status, attempts, response_status, error")

    def test_retry_after(self):
        """It makes a pause longer, never shorter."""
        self.receiver.script({"/hook": [{"status": 429, "body": "", "headers": {"Retry-After": "3"}},
                                        {"status": 503, "body": "", "headers": {"Retry-After": "2"}}, TAKEN]})
        self.hooks_worker()
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|3"])
        first, second, third = [r.time for r in self.receiver.requests("/hook")]
        self.assertGreaterEqual(second - first, 2.9)
        self.assertGreaterEqual(third - second, 1.9)

    def test_given_up(self):
        self.receiver.script({"/hook": [FAILED]})
        self.hooks_worker(CELERIAC_WEBHOOK_SCHEDULE="1,1")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|failed|3|500|HTTP 500"], "event, status, attempts, response_status, error")
        self.assertEqual(len(self.receiver.requests("/hook")), 3)

    def test_long_pauses_are_in_the_table(self):
        """No message waits on the broker; when its time has come it is published."""
        self.receiver.script({"/hook": [FAILED, TAKEN]})
        self.hooks_worker(CELERIAC_WEBHOOK_SCHEDULE="3600")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["pending|1|t|t"], "status, attempts, next_attempt_at > now() + interval '3590 seconds', "
                                              "published_until IS NULL")
        wait_until(lambda: self.redis.call("HLEN", "unacked") == 0, WAIT_S, "the acknowledgement")
        self.assertEqual(self.redis.call("LLEN", QUEUE), 0)
        self.postgres.psql("UPDATE celeriac.webhook_messages SET next_attempt_at = now() "
                           f"WHERE tenant_id = '{self.tenant}'")
        self.wait_messages(["notification.sent|delivered|2"])

    def test_gone(self):
        """410 switches the endpoint off; what is pending for it ends."""
        self.receiver.script({"/hook": [{"status": 410, "body": ""}]})
        worker = self.hooks_worker()
        endpoint = self.endpoint()
        self.postgres.psql("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event, occurrence, payload, "
                           f"next_attempt_at) SELECT gen_random_uuid(), '{endpoint}', '{self.tenant}', 'webhook.test', "
                           "gen_random_uuid(), '{}', now() + interval '1 hour'")
        self.ended(self.post("user@example.com"))
        self.wait_messages(["webhook.test|pending|0", "notification.sent|failed|1"])
        self.assertEqual(self.hook(endpoint, "is_active, disabled_reason"), "f|The endpoint answered 410 Gone.")
        self.assertTrue(worker.logged("endpoint switched off"))
        self.ended(self.post("user@example.com"))
        self.postgres.psql("UPDATE celeriac.webhook_messages SET next_attempt_at = now() "
                           f"WHERE tenant_id = '{self.tenant}' AND status = 'pending'")
        self.wait_messages(["webhook.test|failed|0|the endpoint is switched off",
                            "notification.sent|failed|1|HTTP 410"], "event, status, attempts, error")
        self.assertEqual(len(self.receiver.requests("/hook")), 1)

    def test_five_days_of_failures(self):
        self.receiver.script({"/hook": [FAILED]})
        self.hooks_worker(CELERIAC_WEBHOOK_SCHEDULE="3600")
        endpoint = self.endpoint(failing_since="now() - interval '119 hours'", failures="2")
        self.ended(self.post("user@example.com"))
        # The attempt counts from its beginning, its failure from its end.
        wait_until(lambda: self.hook(endpoint, "is_active, failures") == "t|3", WAIT_S, "the failure")
        self.assertEqual(self.messages(), ["notification.sent|pending|1"])
        self.postgres.psql("UPDATE celeriac.webhooks SET failing_since = now() - interval '121 hours' "
                           f"WHERE id = '{endpoint}'")
        self.ended(self.post("user@example.com"))
        wait_until(lambda: self.hook(endpoint, "is_active, disabled_reason") ==
                   "f|Every attempt of five days has failed.", WAIT_S, "the end of the endpoint")

    def test_a_failing_endpoint_is_paused(self):
        """From the fifth failure on it is tried by one at a time; when it is back it gets everything."""
        self.receiver.script({"/hook": [FAILED] * 6 + [TAKEN]})
        self.hooks_worker()
        endpoint = self.endpoint()
        sent = {self.post("user@example.com") for _ in range(12)}
        self.wait_messages(["notification.sent|delivered"] * 12, "event, status")
        self.assertEqual({r.json["data"]["id"] for r in self.receiver.requests("/hook")}, sent)
        self.assertEqual(self.hook(endpoint, "failures, paused_until IS NULL"), "0|t")

    def test_one_endpoint_does_not_starve_another(self):
        """While one does not answer, deliveries to another and mails go on."""
        self.receiver.script({"/slow": [{"status": 204, "body": "", "delay_ms": 4000}], "/quick": [TAKEN]})
        self.hooks_worker("-c", "4", CELERIAC_WEBHOOK_PER_ENDPOINT="1")
        slow = self.endpoint("/slow")
        for _ in range(6):
            self.ended(self.post("user@example.com"))
        wait_until(lambda: self.receiver.requests("/slow"), WAIT_S, "the first")
        self.postgres.psql(f"UPDATE celeriac.webhooks SET events = '{{}}' WHERE id = '{slow}'")
        self.endpoint("/quick")
        for _ in range(5):
            self.ended(self.post("user@example.com"))
        wait_until(lambda: len(self.receiver.requests("/quick")) == 5, WAIT_S, "the quick ones")
        self.assertLess(len(self.receiver.requests("/slow")), 6)
        self.wait_messages(["notification.sent|delivered|1"] * 11)
        starts = sorted(r.time for r in self.receiver.requests("/slow"))
        self.assertTrue(all(b - a >= 3.9 for a, b in zip(starts, starts[1:])), starts)

    def test_the_messages_of_a_slow_endpoint_let_others_go_first(self):
        """With one place for all: its hundred messages do not ask for it against the other's one."""
        self.receiver.script({"/slow": [{"status": 204, "body": "", "delay_ms": 1500}], "/quick": [TAKEN]})
        self.hooks_worker("-c", "2")
        slow, quick = self.endpoint("/slow"), self.endpoint("/quick")
        self.insert(slow, 100)
        wait_until(lambda: self.receiver.requests("/slow"), WAIT_S, "the first")
        before = len(self.receiver.requests("/slow"))
        self.insert(quick, 1)
        wait_until(lambda: self.receiver.requests("/quick"), WAIT_S, "the quick one")
        self.assertLess(len(self.receiver.requests("/slow")) - before, 6)
        self.postgres.psql(f"DELETE FROM celeriac.webhooks WHERE id = '{slow}'")

    def test_time_limits_are_for_other_tasks(self):
        """A delivery has a deadline of its own; ended from outside it would leave nothing recorded, and begin anew."""
        for pool in ("prefork", "threads"):
            with self.subTest(pool):
                self.setUp()
                self.receiver.script({"/" + pool: [{"status": 204, "body": "", "delay_ms": 4000}]})
                worker = self.hooks_worker("-P", pool, "--time-limit", "2")
                self.insert(self.endpoint("/" + pool), 1)
                self.wait_messages(["webhook.test|delivered|1"])
                self.assertFalse(worker.logged("TimeLimitExceeded"))
                worker.stop()

    def test_a_deleted_endpoint(self):
        self.receiver.script({"/hook": [FAILED]})
        worker = self.hooks_worker()
        endpoint = self.endpoint()
        self.ended(self.post("user@example.com"))
        wait_until(lambda: self.receiver.requests("/hook"), WAIT_S, "the first attempt")
        self.postgres.psql(f"DELETE FROM celeriac.webhooks WHERE id = '{endpoint}'")
        wait_until(lambda: self.redis.call("HLEN", "unacked") == 0 and self.redis.call("LLEN", QUEUE) == 0, WAIT_S,
                   "the end of the task")
        self.assertEqual(self.messages(), [])
        self.assertTrue(worker.alive)

    def test_a_worker_is_killed_in_the_middle(self):
        """The message comes again with its id."""
        self.receiver.script({"/hook": [{"status": 204, "body": "", "delay_ms": 20000}, TAKEN]})
        first = self.hooks_worker()
        self.endpoint()
        self.ended(self.post("user@example.com"))
        wait_until(lambda: self.receiver.requests("/hook"), WAIT_S, "the first attempt")
        first.kill()
        second = CeleriacWorker(self.session, "heir", concurrency=3, extra={"CELERIAC_WEBHOOK_ALLOW": ALLOW})
        self.addCleanup(second.stop)
        second.start()
        self.wait_messages(["notification.sent|delivered|2"])
        requests = self.receiver.requests("/hook")
        self.assertEqual(len(requests), 2)
        self.assertEqual(len({(r.headers["webhook-id"], r.body) for r in requests}), 1)

    def test_the_broker_was_away(self):
        """Messages wait in the table and are published when it is back."""
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker()
        endpoint = self.endpoint()
        self.redis.freeze()
        try:
            self.postgres.psql("INSERT INTO celeriac.webhook_messages (id, webhook_id, tenant_id, event, occurrence, "
                               f"payload) SELECT gen_random_uuid(), '{endpoint}', '{self.tenant}', 'webhook.test', "
                               "gen_random_uuid(), '{\"n\": ' || n || '}' FROM generate_series(1, 5) n")
            wait_until(lambda: self.messages("published_until IS NOT NULL") == ["t"] * 5, WAIT_S, "the take")
        finally:
            self.redis.thaw()
        self.wait_messages(["webhook.test|delivered|1"] * 5)
        self.assertEqual(len(self.receiver.requests("/hook")), 5)


class SecurityTest(WebhookStage):
    """Secrets and addresses."""

    def test_rotation_signs_with_both(self):
        self.receiver.script({"/both": [TAKEN], "/one": [TAKEN]})
        self.hooks_worker()
        old = new_secret(9)
        self.endpoint("/both", old_secret=f"'{old}'", old_secret_until="now() + interval '1 hour'")
        self.endpoint("/one", old_secret=f"'{old}'", old_secret_until="now() - interval '1 second'")
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|1"] * 2)
        (request,) = self.receiver.requests("/both")
        self.assert_signed(request, self.secret, old)
        (request,) = self.receiver.requests("/one")
        self.assert_signed(request, self.secret)

    def test_private_addresses_are_refused(self):
        """Whatever was stored: by its text, and by what a name leads to."""
        self.receiver.script({"/hook": [TAKEN]})
        port = self.receiver.port
        for url, allow, words in ((f"https://127.0.0.1:{port}/hook", "", "The host must be a public address."),
                                  (f"http://127.0.0.1:{port}/hook", "", "Must begin with https://."),
                                  (f"http://127.0.0.1:{port}/hook", "http,10.0.0.0/8", "The host must be a public address."),
                                  (f"http://[::ffff:127.0.0.1]:{port}/hook", "http", "The host must be a public address."),
                                  (f"http://localhost:{port}/hook", "http,10.0.0.0/8", "the address is not public")):
            with self.subTest(url=url, allow=allow):
                self.setUp()
                worker = self.hooks_worker(CELERIAC_WEBHOOK_ALLOW=allow, CELERIAC_WEBHOOK_SCHEDULE="3600")
                self.endpoint(url=url)
                self.ended(self.post("user@example.com"))
                self.wait_messages([f"pending|1||{words}"], "status, attempts, response_status, error")
                self.assertEqual(self.receiver.requests(), [])
                worker.stop()

    def test_no_proxy_is_used(self):
        """It would connect for us to what we may not."""
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker(http_proxy="http://127.0.0.1:9", https_proxy="http://127.0.0.1:9", all_proxy="http://127.0.0.1:9")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|1"])

    def test_secrets_stay_secret(self):
        self.receiver.script({"/hook": [FAILED, TAKEN]})
        worker = self.hooks_worker("-l", "debug")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|2"])
        self.assertNotIn(self.secret.removeprefix("whsec_"), worker.log_text())
        self.assertNotIn("/hook", worker.log_text())


class TlsTest(WebhookStage):
    """Certificates are verified."""

    TLS = True

    def test_a_trusted_certificate(self):
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker(CELERIAC_WEBHOOK_ALLOW="127.0.0.0/8,::1", CELERIAC_WEBHOOK_CA_FILE=str(self.receiver.authority.ca))
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["notification.sent|delivered|1"])
        (request,) = self.receiver.requests("/hook")
        self.assert_signed(request, self.secret)

    def test_another_certificate(self):
        self.receiver.script({"/hook": [TAKEN]})
        self.hooks_worker(CELERIAC_WEBHOOK_ALLOW="127.0.0.0/8,::1", CELERIAC_WEBHOOK_SCHEDULE="3600")
        self.endpoint()
        self.ended(self.post("user@example.com"))
        self.wait_messages(["pending|1|certificate refused"], "status, attempts, error")
        self.assertEqual(self.receiver.requests(), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
