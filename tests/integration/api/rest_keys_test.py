"""Who gets in, by which key: python3 -m tests.integration.api.rest_keys_test"""

import hashlib
import http.client
import json
import secrets
import statistics
import threading
import time
import unittest

from tests.integration.api.stage import Stage, django_hash
from tests.services import CeleriacApi, wait_until


class KeysTest(Stage):
    """Who gets in."""

    def test_keys_of_django_are_found_and_indexed(self):
        """The first time by their hash, from then on by their digest."""
        key = self.django_key()
        for _ in range(2):
            status, headers, _ = self.call("GET", "/v1/tenants/me/", key=key)
            self.assertEqual((status, headers["x-tenant-id"]), (200, self.tenant))
        digest = hashlib.sha256(key.encode()).hexdigest()
        self.assertEqual(self.postgres.psql(
            f"SELECT count(*) FROM celeriac.key_digests WHERE digest = '\\x{digest}'"), "1")

    def test_keys_are_found_among_many(self):
        """The newest and the oldest of a hundred, asked for at once."""
        keys = [self.django_key() for _ in range(100)]
        statuses = {}

        def ask(key):
            for _ in range(60):
                status, headers, _ = self.call("GET", "/v1/tenants/me/", key=key)
                if status != 503:
                    break
                time.sleep(float(headers["retry-after"]) / 10)
            statuses[key] = status

        threads = [threading.Thread(target=ask, args=(key,)) for key in keys[::7]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(statuses, {key: 200 for key in keys[::7]})

    def test_no_key_is_refused_because_there_are_too_many(self):
        """Beyond 10,000 hashes the newest are not tried: whoever has such a key is asked to come again."""
        fill = ("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id) SELECT "
                f"'pbkdf2_sha256$1$s' || n || '$' || repeat('A', 43) || '=', 'crowd', true, now(), '{self.tenant}' "
                "FROM generate_series({}, {}) n")
        key = "sk_live_" + secrets.token_urlsafe(32)
        there = int(self.postgres.psql("SELECT count(*) FROM api_keys k WHERE is_active AND NOT EXISTS "
                                       "(SELECT FROM celeriac.key_digests d WHERE d.api_key_id = k.id)"))

        def answer():
            status = self.call("GET", "/v1/tenants/me/", key=key)[0]
            self.assertIn(status, (401, 503))
            return status

        try:
            self.postgres.psql(fill.format(1, 10000 - there))
            wait_until(lambda: answer() == 401, 60, "the refusal of an unknown key")
            self.postgres.psql(fill.format(10001, 10001))
            time.sleep(1.5)  # what was just refused is remembered for a second
            key = "sk_live_" + secrets.token_urlsafe(32)
            for _ in range(5):
                self.assertEqual(answer(), 503)
        finally:
            self.postgres.psql("DELETE FROM api_keys WHERE name = 'crowd'")

    def test_a_new_key_of_django_is_found_after_it_was_refused(self):
        """What was unknown a moment ago is looked for again when there are new hashes."""
        key = "sk_live_" + secrets.token_urlsafe(32)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[0], 401)
        self.postgres.psql("INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id) VALUES "
                           f"('{django_hash(key)}', 'late', true, now(), '{self.tenant}')")
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=key)[0] == 200, 20, "the new key")

    def test_keys_and_tenants_that_are_switched_off(self):
        """401 for the key, 403 for the tenant, known to us or not."""
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=self.django_key(active=False))[0], 401)
        tenant, key = self.api.register("Inactive", "inactive@acme.example")
        unseen = self.django_key(tenant=tenant)
        self.postgres.psql(f"UPDATE business_tenants SET is_active = false WHERE tenant_id = '{tenant}'")
        refusal = (403, {"error": "Tenant inactive", "detail": "Your account has been deactivated"})
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[::2], refusal)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=unseen)[::2], refusal)

    def test_a_key_switched_off_here_is_refused_at_once(self):
        """And one that Django switches off a moment later."""
        made = self.call("POST", "/v1/api-keys/", {"name": "short"})[2]
        other = self.call("POST", "/v1/api-keys/", {"name": "other"})[2]
        for each in (made, other):
            self.assertEqual(self.call("GET", "/v1/tenants/me/", key=each["api_key"])[0], 200)
        self.assertEqual(self.call("POST", f"/v1/api-keys/{made['id']}/deactivate/")[0], 200)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=made["api_key"])[0], 401)
        self.postgres.psql(f"UPDATE api_keys SET is_active = false WHERE id = {other['id']}")
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=other["api_key"])[0] == 401, 20, "the refusal")

    def test_a_key_switched_off_is_refused_by_every_process(self):
        """What another process has looked up a moment ago does not count any more."""
        other = CeleriacApi(self.session, name="other", migrate=False).start()
        took = []
        # Without being told, the other process would go by its memory of a second, each time; a loaded machine may be slow.
        while len(took) < 5 or (min(took) >= 0.5 and len(took) < 50):
            number = len(took)
            made = self.call("POST", "/v1/api-keys/", {"name": f"shared {number}"})[2]
            self.assertEqual(other.request("GET", "/v1/tenants/me/", key=made["api_key"])[0], 200)
            self.assertEqual(self.call("POST", f"/v1/api-keys/{made['id']}/deactivate/")[0], 200)
            began = time.perf_counter()
            wait_until(lambda: other.request("GET", "/v1/tenants/me/", key=made["api_key"])[0] == 401, 20,
                       "the refusal", every=0.002)
            took.append(time.perf_counter() - began)
        self.assertLess(min(took), 0.5)
        self.assertEqual(other.stop(), 0)
        print(f"refused elsewhere after {statistics.median(took) * 1e3:.1f} ms in the median", flush=True)

    def test_a_key_is_rotated(self):
        """The new one works, and the old one until its time is over, for Django too."""
        old = self.call("POST", "/v1/api-keys/", {"name": "rotated", "is_test": True})[2]
        path = f"/v1/api-keys/{old['id']}/rotate/"
        status, _, new = self.call("POST", path, {"grace_seconds": 600})
        self.assertEqual((status, new["name"], new["replaces"]), (201, "rotated", old["id"]))
        self.assertEqual(list(new), ["id", "name", "api_key", "created_at", "replaces", "replaced_until", "warning"])
        self.assertTrue(new["api_key"].startswith("sk_test_"))
        for each in (old, new):
            self.assertEqual(self.call("GET", "/v1/tenants/me/", key=each["api_key"])[0], 200)
        refusal = (400, {"error": "API key is inactive or was rotated already"})
        self.assertEqual(self.call("POST", path, {})[::2], refusal)
        short = self.call("POST", "/v1/api-keys/", {"name": "short"})[2]
        path = f"/v1/api-keys/{short['id']}/rotate/"
        successor = self.call("POST", path, {"grace_seconds": 2})[2]
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=short["api_key"])[0] == 401, 60, "the old key's end")
        wait_until(lambda: self.postgres.psql(f"SELECT is_active FROM api_keys WHERE id = {short['id']}") == "f", 60,
                   "the end in the table")
        for each in (old, new, successor):
            self.assertEqual(self.call("GET", "/v1/tenants/me/", key=each["api_key"])[0], 200)
        self.assertEqual(self.call("POST", path, {})[::2], refusal)
        # The key in use may be replaced, at once as well; a day is what it has left otherwise.
        own = self.call("POST", f"/v1/api-keys/{new['id']}/rotate/", {}, new["api_key"])[2]
        self.assertTrue(own["replaced_until"][:10] > own["created_at"][:10])
        last = self.call("POST", f"/v1/api-keys/{own['id']}/rotate/", {"grace_seconds": "0"}, own["api_key"])[2]
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=own["api_key"])[0], 401)
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=last["api_key"])[0], 200)

    def test_what_cannot_be_rotated(self):
        """Bad fields, other tenants' keys, and a mode that nobody knows."""
        made = self.call("POST", "/v1/api-keys/", {"name": "kept"})[2]
        path = f"/v1/api-keys/{made['id']}/rotate/"
        for grace, problem in ((-1, "Ensure this value is greater than or equal to 0."),
                               (2592001, "Ensure this value is less than or equal to 2592000."),
                               (10 ** 40, "Ensure this value is less than or equal to 2592000."),
                               ("soon", "A valid integer is required.")):
            self.assertEqual(self.call("POST", path, {"grace_seconds": grace})[::2], (400, {"grace_seconds": [problem]}))
        _, stranger = self.api.register("Stranger", "stranger@acme.example")
        missing = (404, {"error": "API key not found"})
        self.assertEqual(self.call("POST", path, {}, stranger)[::2], missing)
        self.assertEqual(self.call("POST", "/v1/api-keys/999999/rotate/", {})[::2], missing)
        django = self.django_key()
        number = self.postgres.psql("SELECT max(id) FROM api_keys")
        path = f"/v1/api-keys/{number}/rotate/"
        self.assertEqual(self.call("POST", path, {})[::2], (400, {"is_test": ["This field is required."]}))
        wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=django)[0] == 200, 60, "Django's key")
        self.assertEqual(self.call("POST", path, {}, django)[0], 201)
        self.django_key()
        number = self.postgres.psql("SELECT max(id) FROM api_keys")
        status, _, new = self.call("POST", f"/v1/api-keys/{number}/rotate/", {"is_test": False})
        self.assertEqual((status, new["api_key"][:8]), (201, "sk_live_"))
        self.assertEqual(self.call("GET", "/v1/tenants/me/", key=made["api_key"])[0], 200)

    def test_unknown_keys_are_limited_by_address(self):
        """429 in DRF's words; keys that are known, and other addresses, don't notice."""
        api = CeleriacApi(self.session, name="strict", migrate=False, options=("--unknown-keys", "1")).start()

        def ask(key, source="127.0.0.1"):
            connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=20, source_address=(source, 0))
            connection.request("GET", "/v1/tenants/me/", headers={"X-API-KEY": key})
            answer = connection.getresponse()
            document = json.loads(answer.read())
            connection.close()
            return answer.status, answer.headers, document

        self.assertEqual(ask(self.key)[0], 200)
        answers = [ask(f"unknown{number}") for number in range(60)]
        self.assertEqual({status for status, _, _ in answers[:10]}, {401})
        throttled = [answer for answer in answers if answer[0] == 429]
        self.assertGreater(len(throttled), 0)
        for _, headers, document in throttled:
            self.assertEqual(headers["retry-after"], "1")
            self.assertEqual(document, {"detail": "Request was throttled. Expected available in 1 second."})
        for _ in range(20):
            self.assertEqual(ask(self.key)[0], 200)
        self.assertEqual(ask("unknown", "127.0.0.2")[0], 401)
        self.assertEqual(api.stop(), 0)

    def test_proxies_name_their_clients(self):
        """Limits are those of the client that a trusted proxy names; nobody else is believed."""
        api = CeleriacApi(self.session, name="behind", migrate=False,
                          options=("--unknown-keys", "1", "--connections-per-address", "3"),
                          extra={"CELERIAC_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8"}).start()

        def dial(source):
            return http.client.HTTPConnection("127.0.0.1", api.port, timeout=20, source_address=(source, 0))

        def ask(source, *lines):
            connection = dial(source)
            connection.putrequest("GET", "/v1/tenants/me/")
            connection.putheader("X-API-KEY", "unknown" + secrets.token_hex(8))
            for line in lines:
                connection.putheader("X-Forwarded-For", line)
            connection.endheaders()
            status = connection.getresponse().status
            connection.close()
            return status

        def is_exhausted(source, *lines):
            return 429 in {ask(source, *lines) for _ in range(60)}

        self.assertTrue(is_exhausted("127.0.0.1", "203.0.113.9"))
        self.assertEqual(ask("127.0.0.1", "203.0.113.10"), 401)
        # The same client by another way, and whatever it says itself.
        self.assertTrue(is_exhausted("127.0.0.1", "198.51.100.1, 203.0.113.11, 10.1.2.3"))
        self.assertEqual(ask("127.0.0.1", "198.51.100.2", "203.0.113.12:4711"), 401)
        self.assertEqual(ask("127.0.0.1", "203.0.113.11, 203.0.113.13"), 401)
        # A stranger is itself, whomever it names, and so is a proxy that names nobody.
        self.assertIn(429, {ask("127.0.0.2", f"203.0.113.{number}") for number in range(100, 160)})
        self.assertEqual(ask("127.0.0.3"), 401)
        self.assertIn(429, {ask("127.0.0.1", f"203.0.113.{number}, unknown") for number in range(100, 160)})
        # A proxy's connections are those of many.
        kept = []
        for source, count in (("127.0.0.1", 6), ("127.0.0.4", 3)):
            for _ in range(count):
                kept.append(dial(source))
                kept[-1].request("GET", "/health/")
                self.assertEqual(kept[-1].getresponse().read(), b'{"status":"ok"}')
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionError)):
            kept.append(dial("127.0.0.4"))
            kept[-1].request("GET", "/health/")
            kept[-1].getresponse()
        for connection in kept:
            connection.close()
        self.assertEqual(api.stop(), 0)
        self.assertNotIn("203.0.113", api.log.read_text())

    def test_use_is_noted(self):
        """last_used_at is that of the asking call already, and the row follows."""
        made = self.call("POST", "/v1/api-keys/", {"name": "used"})[2]

        def listed(key=""):
            keys = self.call("GET", "/v1/api-keys/", key=key)[2]
            return [row["last_used_at"] for row in keys if row["id"] == made["id"]][0]

        def stored():
            return self.postgres.psql("SELECT extract(epoch FROM last_used_at) FROM api_keys "
                                      f"WHERE id = {made['id']}").strip()

        self.assertIsNone(listed())
        first = listed(made["api_key"])
        self.assertIsNotNone(first)
        written = wait_until(stored, 20, "a first use in the database")
        self.assertGreater(listed(made["api_key"]), first)
        wait_until(lambda: float(stored()) > float(written), 20, "a later use in the database")

    def test_unknown_keys_harm_nobody(self):
        """While strangers try keys against slow hashes, a known key works, and a new one gets in."""
        for _ in range(20):
            self.django_key(rounds=20000)
        legitimate = self.django_key(rounds=20000)
        stop = threading.Event()
        seen = []

        def attack(number):
            while not stop.is_set():
                key = f"sk_live_unknown{number:02d}{secrets.token_hex(16)}"
                seen.append(self.call("GET", "/v1/tenants/me/", key=key)[0])

        threads = [threading.Thread(target=attack, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        try:
            known = []
            for _ in range(200):
                began = time.perf_counter()
                self.assertEqual(self.call("GET", "/v1/tenants/me/")[0], 200)
                known.append(time.perf_counter() - began)
            wait_until(lambda: self.call("GET", "/v1/tenants/me/", key=legitimate)[0] == 200, 240,
                       "the legitimate key", every=0.2)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertLessEqual(set(seen), {401, 429, 503})
        print(f"known key during {len(seen)} unknown ones: median {statistics.median(known) * 1e3:.2f} ms", flush=True)

    def test_odd_keys_are_refused(self):
        """Whatever is in the header."""
        for key in ("x", "sk_live_", "Bearer " + self.key, self.key + "x", self.key[:-1], "\x7f" * 300, "k" * 5000):
            self.assertEqual(self.call("GET", "/v1/tenants/me/", key=key)[0], 401, key[:20])


if __name__ == "__main__":
    unittest.main(verbosity=2)
