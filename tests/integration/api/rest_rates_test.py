"""How often a tenant may call: python3 -m tests.integration.api.rest_rates_test"""

import hashlib
import http.client
import json
import threading
import unittest

from tests.integration.api.stage import Stage
from tests.services import CeleriacApi, wait_until


class RatesTest(Stage):
    """How often a tenant may call."""

    def limited(self, name: str, per_second: float, burst: int) -> str:
        """A tenant with a limit of its own; returns its key, which nobody has used yet."""
        tenant, key = self.api.register(name, f"{name.lower()}@acme.example")
        self.postgres.psql("INSERT INTO celeriac.tenant_limits (tenant_id, per_second, burst) VALUES "
                           f"('{tenant}', {per_second}, {burst})")
        return key

    def test_beyond_the_limit_is_429(self):
        """With the headers that clients look at, and in DRF's words; other tenants don't notice."""
        key = self.limited("Slow", 0.01, 3)
        answers = [self.call("GET", "/v1/tenants/me/", key=key) for _ in range(4)]
        self.assertEqual([status for status, _, _ in answers], [200, 200, 200, 429])
        self.assertEqual([headers["ratelimit-limit"] for _, headers, _ in answers], ["3"] * 4)
        self.assertEqual([headers["ratelimit-remaining"] for _, headers, _ in answers], ["2", "1", "0", "0"])
        self.assertEqual(answers[0][1]["ratelimit-reset"], "100")
        self.assertIn(int(answers[3][1]["ratelimit-reset"]), range(200, 301))
        _, headers, body = answers[3]
        self.assertIn(int(headers["retry-after"]), range(1, 101))
        self.assertEqual(body, {"detail": "Request was throttled. Expected available in "
                                          f"{headers['retry-after']} seconds."})
        self.assertIn("x-tenant-id", headers)
        status, headers, _ = self.call("GET", "/v1/tenants/me/")
        self.assertEqual((status, headers.get("ratelimit-limit")), (200, None))

    def test_requests_come_back_at_the_rate(self):
        """Who is refused gets in when it comes again."""
        key = self.limited("Quick", 4, 1)
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=key)[0] == 429, 60, "a refusal", every=0)
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=key)[0] == 200, 60, "the next request")

    def test_all_processes_share_a_limit(self):
        """Many requests at once at two processes: exactly as many get through as may."""
        other = CeleriacApi(self.session, name="sharing", migrate=False).start()
        key = self.limited("Shared", 0.001, 50)
        statuses = []

        def ask(api):
            for _ in range(15):
                statuses.append(api.request("GET", "/v1/tenants/me/", key=key)[0])

        threads = [threading.Thread(target=ask, args=(api,)) for api in (self.api, other) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual((statuses.count(200), statuses.count(429)), (50, 70))
        self.assertEqual(other.stop(), 0)

    def batch(self, key: str, count: int, headers: dict | None = None) -> tuple[int, dict, dict]:
        """A batch of COUNT notifications."""
        items = [{"channel": "sms", "to": "+15551234567", "body": "Hi"}] * count
        connection = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=30)
        try:
            connection.request("POST", "/v1/notify/batch/", json.dumps({"notifications": items}),
                               {"X-API-KEY": key, "Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            return reply.status, {name.lower(): value for name, value in reply.getheaders()}, json.loads(reply.read())
        finally:
            connection.close()

    def test_a_batch_counts_its_items(self):
        """All or none, as many tokens as items, and a right Retry-After; a refused one costs the request alone."""
        key = self.limited("Batches", 0.01, 10)
        status, headers, _ = self.batch(key, 4)
        self.assertEqual((status, headers["ratelimit-limit"], headers["ratelimit-remaining"]), (202, "10", "6"))
        status, headers, body = self.batch(key, 7)
        self.assertEqual((status, headers["ratelimit-remaining"]), (429, "5"))
        # Of the seven five are there, and each takes 100 seconds.
        self.assertIn(int(headers["retry-after"]), range(150, 201))
        self.assertEqual(body, {"detail": f"Request was throttled. Expected available in {headers['retry-after']} seconds."})
        status, headers, _ = self.batch(key, 5)
        self.assertEqual((status, headers["ratelimit-remaining"]), (202, "0"))
        self.assertEqual(self.batch(key, 1)[0], 429)
        self.assertEqual(len(self.call("GET", "/v1/notifications/", key=self.unlimited(key))[2]), 9)

    def unlimited(self, key: str) -> str:
        """The same tenant without its limit, from the next second on."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.postgres.psql("DELETE FROM celeriac.tenant_limits WHERE tenant_id = (SELECT k.tenant_id FROM api_keys k JOIN "
                           f"celeriac.key_digests d ON d.api_key_id = k.id WHERE d.digest = '\\x{digest}')")
        wait_until(lambda: "ratelimit-limit" not in self.call("GET", "/v1/tenants/me/", key=key)[1], 20, "the limit's end")
        return key

    def test_a_batch_beyond_the_burst_is_owed(self):
        """It passes when the bucket is full; then nothing passes until the rate has paid for it."""
        key = self.limited("Debtor", 0.01, 5)
        status, headers, _ = self.batch(key, 20)
        self.assertEqual((status, headers["ratelimit-remaining"]), (202, "0"))
        self.assertIn(int(headers["ratelimit-reset"]), range(1950, 2001))
        status, headers, _ = self.call("GET", "/v1/tenants/me/", key=key)
        self.assertEqual(status, 429)
        # Fifteen are owed, and one more is wanted.
        self.assertIn(int(headers["retry-after"]), range(1550, 1601))
        # One that is not full does not lend.
        key = self.limited("Spender", 0.01, 5)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[0], 200)
        status, headers, _ = self.batch(key, 20)
        self.assertEqual((status, headers["ratelimit-remaining"]), (429, "3"))
        self.assertIn(int(headers["retry-after"]), range(150, 201))

    def test_a_repeated_batch_is_one_request(self):
        """What was accepted is told again; nothing is done, so nothing more is counted."""
        key = self.limited("Repeater", 0.01, 10)
        headers = {"Idempotency-Key": "again"}
        self.assertEqual(self.batch(key, 8, headers)[1]["ratelimit-remaining"], "2")
        status, answer, _ = self.batch(key, 8, headers)
        self.assertEqual((status, answer["idempotent-replayed"], answer["ratelimit-remaining"]), (202, "true", "1"))

    def test_batches_share_a_limit(self):
        """Many at once at two processes: no more items than there are tokens, whichever get through."""
        other = CeleriacApi(self.session, name="sharing-batches", migrate=False).start()
        key = self.limited("SharedBatches", 0.001, 60)
        accepted = []

        def ask(api):
            for _ in range(5):
                items = [{"channel": "sms", "to": "+15551234567", "body": "Hi"}] * 10
                accepted.append(api.request("POST", "/v1/notify/batch/", {"notifications": items}, key)[0])

        threads = [threading.Thread(target=ask, args=(api,)) for api in (self.api, other) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        granted = accepted.count(202)
        # Four that begin at the same time may leave too little for each other's last one.
        self.assertIn(granted, (5, 6), accepted)
        self.assertEqual(set(accepted), {202, 429})
        self.assertEqual(other.stop(), 0)

    def test_a_limit_for_all(self):
        """From the environment; a tenant's own limit counts instead."""
        api = CeleriacApi(self.session, name="limiting", migrate=False,
                          extra={"CELERIAC_RATE_LIMIT": "1", "CELERIAC_RATE_BURST": "2"}).start()
        _, key = api.register("Usual", "usual@acme.example")
        own = self.limited("Own", 1, 5)
        for each, burst in ((key, "2"), (own, "5")):
            self.assertEqual(api.request("GET", "/v1/tenants/me/", key=each)[1]["ratelimit-limit"], burst)
        self.assertEqual(api.request("GET", "/health/")[0], 200)
        self.assertEqual(api.stop(), 0)

    def test_without_redis_all_are_let_through(self):
        """Frozen or away: served without the headers, counted, and limited again when it is back."""
        key = self.limited("Open", 0.001, 1)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[0], 200)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[0], 429)
        for away, back in ((self.redis.freeze, self.redis.thaw), (self.redis.kill, self.redis.start)):
            away()
            try:
                for _ in range(5):
                    status, headers, _ = self.call("GET", "/v1/tenants/me/", key=key)
                    self.assertEqual((status, headers.get("ratelimit-limit")), (200, None))
            finally:
                back()
            # What a Redis that was killed has forgotten is full again.
            wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=key)[0] == 429, 20, "the limit")


if __name__ == "__main__":
    unittest.main(verbosity=2)
