"""celeriac-api against a real PostgreSQL and Redis: python3 -m tests.integration.api.rest_test"""

import base64
import hashlib
import http.client
import json
import re
import secrets
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import unittest
import urllib.parse
from pathlib import Path

from interop import rest_cases
from tests.services import ROOT, CeleriacApi, Postgres, Redis, Session, wait_until
from tests.services.celeriac import migrate, program

# Rounds of the hashes that tests make: real ones take a third of a second each.
ROUNDS = 1000

NOTIFY = {"channel": "email", "to": "user@example.com", "subject": "Hello", "body": "Hi {{ name }}",
          "data": {"name": "John"}}


def django_hash(key: str, rounds: int = ROUNDS) -> str:
    """What Django's make_password() would store."""
    salt = secrets.token_hex(11)
    digest = hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), rounds)
    return f"pbkdf2_sha256${rounds}${salt}${base64.b64encode(digest).decode()}"


class Stage(unittest.TestCase):
    """A database, a broker and an API, shared by the tests of a class."""

    options: tuple[str, ...] = ()

    @classmethod
    def setUpClass(cls):
        cls.session = Session("rest")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.postgres = Postgres(cls.session, fsync=False).start()
        cls.api = CeleriacApi(cls.session, options=cls.options).start()
        cls.tenant, cls.key = cls.api.register()

    @classmethod
    def tearDownClass(cls):
        # A sanitizer's complaints show in the exit code.
        code = cls.api.stop()
        if code != 0:
            raise AssertionError(f"celeriac-api ended with code {code}:\n{cls.api.log.read_text()[-20000:]}")

    def call(self, method, path, body=None, key="", **more):
        """One request with the tenant's key unless another (or None) is given."""
        return self.api.request(method, path, body, self.key if key == "" else key, **more)

    def raw(self, data: bytes) -> bytes:
        """Sends bytes, reads until the server closes."""
        with socket.create_connection(("127.0.0.1", self.api.port), timeout=20) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
        return received

    def django_key(self, active: bool = True, tenant: str | None = None, rounds: int = ROUNDS) -> str:
        """A key as Django writes it, without a digest of ours."""
        key = "sk_live_" + secrets.token_urlsafe(32)
        self.postgres.psql(
            "INSERT INTO api_keys (key_hash, name, is_active, created_at, tenant_id) VALUES "
            f"('{django_hash(key, rounds)}', 'django', {active}, now(), '{tenant or self.tenant}')")
        return key


class RecordTest(Stage):
    """The recorded answers of a deployment."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The record begins with an empty database.
        cls.postgres.psql("TRUNCATE business_tenants, api_keys, templates, notifications, dead_letters "
                          "RESTART IDENTITY CASCADE")

    def test_answers_are_those_of_the_record(self):
        """All of them but the deliberate differences, and those as they are documented."""
        answers = {}

        def decide(name, passed, detail):
            answers[name] = (passed, detail)

        rest_cases.run(self.api.port, decide)
        self.assertGreater(len(answers), 60)
        self.assertEqual({name: detail for name, (passed, detail) in answers.items() if not passed}.keys(),
                         rest_cases.DELIBERATE.keys())

    def test_deliberate_differences_are_as_documented(self):
        """JSON everywhere, 400 for what breaks Python."""
        _, key = self.api.register("Differences", "differences@acme.example")
        template = {"name": "twice", "channel": "sms", "body": "b"}
        self.call("POST", "/v1/templates/", template, key)
        for name, method, path, body in (("template duplicate", "POST", "/v1/templates/", template),
                                         ("notification not a uuid", "GET", "/v1/notifications/123/", None),
                                         ("unknown path", "GET", "/v1/nothing/", None)):
            status, headers, document = self.call(method, path, body, key)
            self.assertEqual((status, document), rest_cases.DELIBERATE[name], name)
            self.assertEqual(headers["content-type"], "application/json")


class CallsTest(Stage):
    """Each call beyond the record."""

    def test_paths_work_without_their_last_slash(self):
        """As clients in the field call them."""
        self.assertEqual(self.call("POST", "/v1/notify", NOTIFY)[0], 202)
        self.assertEqual(self.call("GET", "/v1/tenants/me")[0], 200)
        self.assertEqual(self.call("GET", "/health", key=None)[2], {"status": "ok"})

    def test_a_notification_is_stored_and_queued(self):
        """The row is there when the answer is; the message comes at once."""
        status, headers, body = self.call("POST", "/v1/notify/", NOTIFY)
        self.assertEqual(status, 202)
        self.assertEqual(headers["x-tenant-id"], self.tenant)
        row = self.postgres.psql(f"SELECT status, channel, \"to\", data FROM notifications WHERE id = '{body['id']}'")
        self.assertEqual(row.split("|")[:3], ["pending", "email", "user@example.com"])
        self.assertEqual(json.loads(row.split("|", 3)[3]),
                         {"template_data": {"name": "John"}, "inline_subject": "Hello", "inline_body": "Hi {{ name }}"})
        wait_until(lambda: body["id"].encode() in b"".join(
            base64.b64decode(json.loads(message)["body"]) for message in self.redis.call("LRANGE", "celery", 0, -1)),
            20, "the message")

    def test_data_is_stored_as_python_would(self):
        """Floats keep their point, big integers their digits."""
        data = '{"a": 1e2, "b": 1.50, "c": 12345678901234567890123, "d": "\\u00e9\\ud83d\\ude00", "e": -0.0}'
        body = json.dumps({**NOTIFY, "data": "DATA"}).replace('"DATA"', data)
        connection = http.client.HTTPConnection("127.0.0.1", self.api.port, timeout=20)
        connection.request("POST", "/v1/notify/", body, {"X-API-KEY": self.key, "Content-Type": "application/json"})
        found = json.loads(connection.getresponse().read())
        connection.close()
        text = self.postgres.psql(f"SELECT data->'template_data' FROM notifications WHERE id = '{found['id']}'")
        self.assertEqual(json.loads(text), json.loads(data))
        self.assertIn('"a": 100.0', text)
        self.assertIn('"b": 1.5,', text)

    def test_lists_are_limited_and_filtered(self):
        """?limit=, ?status= and ?channel=."""
        tenant, key = self.api.register("Lister", "lister@acme.example")
        self.postgres.psql(
            "INSERT INTO notifications (id, channel, \"to\", data, status, provider_response, created_at, "
            "updated_at, tenant_id) SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN 'sms' ELSE 'email' END, 'x', "
            f"'{{}}', 'pending', '{{}}', now() - n * interval '1 second', now(), '{tenant}' "
            "FROM generate_series(1, 1200) n")

        def listed(query):
            status, _, body = self.call("GET", f"/v1/notifications/{query}", key=key)
            self.assertEqual(status, 200, body)
            return body

        self.assertEqual(len(listed("")), 100)
        self.assertEqual(len(listed("?limit=1000")), 1000)
        self.assertEqual(len(listed("?limit=99999999999999999999")), 1000)
        self.assertEqual(listed("?limit=0"), [])
        self.assertEqual({row["channel"] for row in listed("?limit=50&channel=sms")}, {"sms"})
        self.assertEqual(listed("?status=sent"), [])
        self.assertEqual(listed("?channel=pigeon"), [])
        times = [row["created_at"] for row in listed("?limit=500")]
        self.assertEqual(times, sorted(times, reverse=True))
        for limit, problem in (("x", "A valid integer is required."),
                               ("-1", "Ensure this value is greater than or equal to 0.")):
            self.assertEqual(self.call("GET", f"/v1/notifications/?limit={limit}", key=key)[::2],
                             (400, {"limit": [problem]}))
            self.assertEqual(self.call("GET", f"/v1/dead-letters/?limit={limit}", key=key)[0], 400)

    def test_long_lists_are_whole(self):
        """Rows of a megabyte come in several pages of the store, and in one answer."""
        tenant, key = self.api.register("Heavy", "heavy@acme.example")
        self.postgres.psql(
            "INSERT INTO notifications (id, channel, \"to\", data, status, provider_response, created_at, "
            "updated_at, tenant_id) SELECT gen_random_uuid(), 'push', 'x' || n, jsonb_build_object('a', "
            f"repeat('y', 1000000)), 'pending', '{{}}', now() - n * interval '1 second', now(), '{tenant}' "
            "FROM generate_series(1, 25) n")
        body = self.call("GET", "/v1/notifications/", key=key)[2]
        self.assertEqual([row["to"] for row in body], [f"x{n}" for n in range(1, 26)])
        self.assertEqual(len(self.call("GET", "/v1/notifications/?limit=20", key=key)[2]), 20)
        self.postgres.psql(
            "INSERT INTO notifications (id, channel, \"to\", data, status, provider_response, created_at, "
            "updated_at, tenant_id) SELECT gen_random_uuid(), 'push', 'z', jsonb_build_object('a', "
            f"repeat('y', 1000000)), 'pending', '{{}}', now(), now(), '{tenant}' FROM generate_series(1, 60) n")
        status, _, body = self.call("GET", "/v1/notifications/", key=key)
        self.assertEqual((status, body), (400, {"detail": "The answer is too long; ask for less with ?limit=."}))

    def test_templates_have_versions(self):
        """Each change keeps what was there; the way back is one more change."""
        template = {"name": "versions", "channel": "sms", "body": "one"}
        made = self.call("POST", "/v1/templates/", template)[2]
        path = f"/v1/templates/{made['id']}/"
        self.call("PATCH", path, {"body": "two"})
        status, _, versions = self.call("GET", path + "versions/")
        self.assertEqual((status, [(row["version"], row["body"]) for row in versions]), (200, [(2, "two"), (1, "one")]))
        self.assertEqual(versions[1]["written_at"], made["updated_at"])
        status, _, document = self.call("POST", path + "restore/", {"version": 1})
        self.assertEqual((status, document["body"], document["id"]), (200, "one", made["id"]))
        self.assertEqual([row["body"] for row in self.call("GET", path + "versions/")[2]], ["one", "two", "one"])
        for version in (0, 9, -1, 2 ** 31, 2 ** 70):
            self.assertEqual(self.call("POST", path + "restore/", {"version": version})[::2],
                             (404, {"detail": "Not found."}), version)
        self.assertEqual(self.call("POST", path + "restore/", {})[::2], (400, {"version": ["This field is required."]}))
        self.call("PATCH", path, {"name": "versions_later"})
        self.call("POST", "/v1/templates/", template)
        self.assertEqual(self.call("POST", path + "restore/", {"version": 1})[::2],
                         (400, {"name": ["This field must be unique."]}))
        _, key = self.api.register("Other", "other-versions@acme.example")
        self.assertEqual(self.call("GET", path + "versions/", key=key)[0], 404)
        self.assertEqual(self.call("POST", path + "restore/", {"version": 1}, key)[0], 404)

    def test_dashboard_comes_with_all_its_files(self):
        """What the page and its modules load is there, and nothing else is loaded."""
        self.assertEqual(self.call("GET", "/dashboard", key=None)[0], 301)
        status, headers, page = self.call("GET", "/dashboard/", key=None)
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'none'; script-src 'self'; style-src 'self'", headers["content-security-policy"])
        wanted = re.findall(r'(?:src|href)="([^"]+)"', page)
        seen = set()
        while wanted:
            name = wanted.pop().removeprefix("./")
            if name in seen:
                continue
            seen.add(name)
            status, headers, text = self.call("GET", f"/dashboard/{name}", key=None)
            self.assertEqual(status, 200, name)
            self.assertEqual(headers["x-content-type-options"], "nosniff")
            wanted += re.findall(r"^import .* from '([^']+)';$", text, re.MULTILINE)
        there = {path.name for path in (ROOT / "api" / "pages" / "dashboard").iterdir()}
        self.assertEqual(seen, there - {"index.html"})
        self.assertEqual(self.call("GET", "/dashboard/other.js", key=None)[::2], (404, {"detail": "Not found."}))

    def test_long_lists_are_read_by_page(self):
        """Each row once, also while others are added; the plain list is as it was."""
        _, key = self.api.register("Pages", "pages@acme.example")
        ids = [self.call("POST", "/v1/notify/", NOTIFY, key)[2]["id"] for _ in range(7)]
        seen, cursor, pages = [], "", 0
        while cursor is not None:
            status, _, page = self.call("GET", f"/v1/notifications/?limit=3&cursor={cursor}", key=key)
            self.assertEqual(status, 200, page)
            seen += [row["id"] for row in page["results"]]
            cursor, pages = page["next_cursor"], pages + 1
            self.call("POST", "/v1/notify/", NOTIFY, key)
        self.assertEqual(seen, ids[::-1])
        self.assertEqual(pages, 3)
        self.assertIsInstance(self.call("GET", "/v1/notifications/", key=key)[2], list)
        self.assertEqual(self.call("GET", "/v1/notifications/?cursor=nonsense", key=key)[::2],
                         (404, {"detail": "Invalid cursor"}))
        self.assertEqual(self.call("GET", "/v1/notifications/?status=nonsense&cursor=", key=key)[2],
                         {"results": [], "next_cursor": None})
        since = page["results"][-1]["created_at"]
        self.assertEqual(self.call("GET", f"/v1/notifications/?created_before={since}", key=key)[2], [])
        self.assertEqual(len(self.call("GET", f"/v1/notifications/?created_after={since}", key=key)[2]), 10)

    def test_history_is_the_tenants_own(self):
        """What is known of a notification, oldest first."""
        accepted = self.call("POST", "/v1/notify/", NOTIFY)[2]
        path = f"/v1/notifications/{accepted['id']}/history/"
        self.postgres.psql("INSERT INTO celeriac.send_failures VALUES (gen_random_uuid(), "
                           f"'{accepted['id']}', now(), '451 later')")
        self.postgres.psql("UPDATE notifications SET sent_at = now() + interval '1 s', "
                           f"provider_response = '{{\"provider\": \"email\"}}' WHERE id = '{accepted['id']}'")
        status, _, events = self.call("GET", path)
        self.assertEqual(status, 200)
        self.assertEqual([{name: value for name, value in event.items() if name != "at"} for event in events],
                         [{"event": "accepted"}, {"event": "failed", "error": "451 later"},
                          {"event": "sent", "provider_response": {"provider": "email"}}])
        self.assertEqual(events[0]["at"], accepted["created_at"])
        _, key = self.api.register("Stranger", "stranger@acme.example")
        self.assertEqual(self.call("GET", path, key=key)[::2], (404, {"error": "Notification not found"}))

    def test_sources_are_previewed_without_saving(self):
        """As a saved template would be rendered."""
        path = "/v1/templates/preview/"
        self.assertEqual(self.call("POST", path, {"subject": "Hi {{ n }}", "body": "{{ n|upper }}!", "data": {"n": "Ada"}})[::2],
                         (200, {"subject": "Hi Ada", "body": "ADA!"}))
        self.assertEqual(self.call("POST", path, {})[::2], (200, {"subject": "", "body": ""}))
        status, _, document = self.call("POST", path, {"body": "{% if %}"})
        self.assertEqual(status, 400)
        self.assertTrue(document["error"].startswith("Template rendering failed: "), document)
        self.assertEqual(self.call("POST", path, {"body": ["x"]})[::2], (400, {"body": ["Not a valid string."]}))
        self.assertEqual(self.call("POST", path, {"body": "x"}, key=None)[0], 401)

    def test_dead_letters_show_their_notification(self):
        """With its channel and address."""
        notification = self.call("POST", "/v1/notify/", NOTIFY)[2]["id"]
        self.postgres.psql("INSERT INTO dead_letters VALUES (gen_random_uuid(), 'because', 3, "
                           f"'2026-01-02 03:04:05+00', '{notification}')")
        status, _, body = self.call("GET", "/v1/dead-letters/")
        self.assertEqual(status, 200)
        self.assertEqual({name: body[0][name] for name in list(body[0])[1:]},
                         {"notification_id": notification, "notification_channel": "email",
                          "notification_to": "user@example.com", "reason": "because", "retry_count": 3,
                          "created_at": "2026-01-02T03:04:05Z"})

    def test_variables_may_be_long(self):
        """As long as a body can be; and what was stored can be changed. Numbers count with all their digits."""
        template = {"name": "long_variables", "channel": "sms", "body": "b"}
        status, _, body = self.call("POST", "/v1/templates/", {**template, "variables": [1] * 800000})[:3]
        self.assertEqual(status, 201)
        self.assertEqual(self.call("PATCH", f"/v1/templates/{body['id']}/", {"is_active": False})[0], 200)
        answer = self.call("POST", "/v1/templates/", {**template, "name": "digits", "variables": [1e308] * 14000})
        self.assertEqual((answer[0], answer[2]), (413, {"detail": "The variables are too long."}))

    def test_templates_are_checked_as_a_whole(self):
        """PATCH judges what the template becomes, PUT keeps what is not given."""
        template = self.call("POST", "/v1/templates/", {"name": "patched", "channel": "sms", "body": "b",
                                                        "variables": {"a": 1}})[2]
        path = f"/v1/templates/{template['id']}/"
        self.assertEqual(self.call("PATCH", path, {"channel": "email"})[::2],
                         (400, {"subject": ["Subject is required for email templates."]}))
        self.assertEqual(self.call("PATCH", path, {"channel": "email", "subject": "s"})[0], 200)
        self.assertEqual(self.call("PATCH", path, {"subject": None})[0], 400)
        status, _, body = self.call("PUT", path, {"name": "patched", "channel": "sms", "body": "c"})
        self.assertEqual((status, body["subject"], body["variables"], body["body"]), (200, "s", {"a": 1}, "c"))
        self.call("POST", "/v1/templates/", {"name": "other", "channel": "sms", "body": "b"})
        self.assertEqual(self.call("PATCH", path, {"name": "other"})[::2],
                         (400, {"name": ["This field must be unique."]}))
        self.assertEqual(self.call("PATCH", path, {"is_active": False})[2]["is_active"], False)
        self.assertEqual(self.call("POST", "/v1/notify/", {"channel": "sms", "to": "+15551234567",
                                                           "template": "patched"})[::2],
                         (404, {"error": "Template 'patched' not found or inactive"}))

    def test_a_form_can_hold_json(self):
        """But not null where the column has none."""
        for text, status, wanted in (("null", 400, {"variables": ["This field may not be null."]}), ('{"a": 1.50}', 201, {"a": 1.5})):
            data = urllib.parse.urlencode({"name": "form_json", "channel": "sms", "body": "b", "variables": text}).encode()
            head = (f"POST /v1/templates/ HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {self.key}\r\nConnection: close\r\n"
                    f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(data)}\r\n\r\n")
            found, _, body = self.raw(head.encode() + data).partition(b"\r\n\r\n")
            self.assertIn(f"HTTP/1.1 {status}".encode(), found)
            body = json.loads(body)
            self.assertEqual(body if status == 400 else body["variables"], wanted)

    def test_previews_say_what_is_wrong(self):
        """A template that cannot be rendered is the tenant's mistake."""
        template = self.call("POST", "/v1/templates/", {"name": "broken", "channel": "sms", "body": "{% if %}"})[2]
        status, _, body = self.call("POST", f"/v1/templates/{template['id']}/preview/", {"data": {}})
        self.assertEqual(status, 400)
        self.assertRegex(body["error"], "^Template rendering failed: .")
        self.assertEqual(self.call("POST", "/v1/templates/999999/preview/", {})[::2], (404, {"detail": "Not found."}))

    def test_what_breaks_python_is_invalid(self):
        """NUL characters and lone surrogates, deep inside."""
        for data, problem in (({"a": ["\0"]}, "Null characters are not allowed."),
                              ({"\ud800": 1}, "Surrogate characters are not allowed: U+D800.")):
            self.assertEqual(self.call("POST", "/v1/notify/", {**NOTIFY, "data": data})[::2],
                             (400, {"data": [problem]}))
        self.assertEqual(self.call("POST", "/v1/tenants/register/", {"name": "x", "email": "a" * 250 + "@b.co"},
                                   None)[::2],
                         (400, {"email": ["Ensure this field has no more than 254 characters."]}))
        self.assertEqual(self.call("POST", "/v1/notify/", {**NOTIFY, "template_id": 10 ** 30})[::2],
                         (404, {"error": f"Template with ID {10 ** 30} not found or inactive"}))

    def test_forms_are_taken(self):
        """Urlencoded, as DRF does."""
        body = urllib.parse.urlencode({"channel": "sms", "to": "+15551234567", "body": "b", "data": '{"a": 1.50}'})
        answer = self.raw(b"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          b"Content-Type: application/x-www-form-urlencoded\r\n"
                          + f"X-API-KEY: {self.key}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        self.assertIn(b"HTTP/1.1 202 ", answer)

    def test_head_and_options(self):
        """HEAD has the headers of GET, OPTIONS describes."""
        answer = self.raw(f"HEAD /v1/tenants/me/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                          f"X-API-KEY: {self.key}\r\n\r\n".encode())
        with_get = self.call("GET", "/v1/tenants/me/")
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\n"))
        self.assertIn(f"Content-Length: {with_get[1]['content-length']}\r\n".encode(), answer)
        status, headers, body = self.call("OPTIONS", "/v1/templates/")
        self.assertEqual((status, headers["allow"]), (200, "GET, POST, HEAD, OPTIONS"))
        self.assertEqual(body["parses"][0], "application/json")

    def test_the_description_is_public_and_whole(self):
        """Every path of it is there, and what needs a key says so."""
        status, headers, body = self.call("GET", "/v1/openapi.json", key=None)
        self.assertEqual((status, headers["content-type"], body["openapi"]), (200, "application/json", "3.1.0"))
        self.assertGreaterEqual(len(body["paths"]), 11)
        for path, operations in body["paths"].items():
            for method, operation in operations.items():
                if operation["security"]:
                    concrete = path.replace("{id}", "1")
                    self.assertEqual(self.call(method.upper(), concrete, key=None)[0], 401, (method, path))

    def test_the_reference_loads_only_itself(self):
        """The page and its files, under a policy that allows nothing else."""
        self.assertEqual(self.call("GET", "/docs", key=None)[:2][0], 301)
        status, headers, page = self.call("GET", "/docs/", key=None)
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertRegex(headers["content-security-policy"], "^default-src 'none'; script-src 'self';")
        self.assertNotIn("unsafe", headers["content-security-policy"])
        loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
        self.assertEqual({name for name in loaded if not name.startswith(("data:", ".."))}, {"docs.css", "docs.js"})
        self.assertNotRegex(page, r"(?i)<style|\son[a-z]+=|style=|<script>")
        for name, kind in (("docs.css", "text/css"), ("docs.js", "text/javascript")):
            status, headers, text = self.call("GET", f"/docs/{name}", key=None)
            self.assertEqual((status, headers["content-type"]), (200, f"{kind}; charset=utf-8"))
            self.assertEqual(text, (ROOT / "api" / "pages" / name).read_text())
            self.assertNotRegex(text, r"https?://|innerHTML|localStorage|sessionStorage|document\.cookie")

    def test_hosts_are_checked(self):
        """ALLOWED_HOSTS is 127.0.0.1 and localhost, and 0.0.0.0 besides."""
        for host, status in (("localhost", 200), ("127.0.0.1:9", 200), ("0.0.0.0", 200), ("evil.test", 400),
                             ("localhost.evil.test", 400), ("", 400)):
            answer = self.raw(f"GET /health/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            self.assertIn(f"HTTP/1.1 {status} ".encode(), answer, host)

    def test_large_bodies_are_refused(self):
        """At the limit and above."""
        padding = "x" * (2621440 - len(json.dumps({**NOTIFY, "data": ""})))
        self.assertEqual(self.call("POST", "/v1/notify/", {**NOTIFY, "data": padding})[0], 202)
        self.assertEqual(self.call("POST", "/v1/notify/", {**NOTIFY, "data": padding + "x"})[::2],
                         (413, {"detail": "Request body exceeded 2621440 bytes."}))

    def test_bodies_that_grow_are_refused(self):
        """A form's control characters take six bytes each in the row: 8 MiB there are too much."""
        def post(count):
            body = b"channel=sms&to=%2B15551234567&body=" + b"\x01" * count + b"x"
            return self.raw(b"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                            b"Content-Type: application/x-www-form-urlencoded\r\n"
                            + f"X-API-KEY: {self.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)

        self.assertIn(b"HTTP/1.1 202 ", post(1390000))
        answer = post(1400000)
        self.assertIn(b"HTTP/1.1 413 ", answer)
        self.assertTrue(answer.endswith(b'{"detail":"The notification is too long."}'))


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


class FaultsTest(Stage):
    """What is away, who leaves, what is stopped."""

    def test_a_database_that_is_away_is_503(self):
        """JSON with Retry-After, and all is well when it is back."""
        self.postgres.stop()
        try:
            status, headers, body = self.call("POST", "/v1/notify/", NOTIFY)
            self.assertEqual((status, body), (503, {"detail": "Service temporarily unavailable, try again later."}))
            self.assertGreater(int(headers["retry-after"]), 0)
            self.assertEqual(self.call("GET", "/health/", key=None)[0], 200)
        finally:
            self.postgres.start()
        wait_until(lambda: self.call("POST", "/v1/notify/", NOTIFY)[0] == 202, 30, "the database")

    def test_accepted_without_redis_is_published_later(self):
        """202, and the message is there once Redis is."""
        self.redis.stop()
        try:
            status, _, body = self.call("POST", "/v1/notify/", NOTIFY)
            self.assertEqual(status, 202)
        finally:
            self.redis.start()
        wait_until(lambda: body["id"].encode() in b"".join(
            base64.b64decode(json.loads(message)["body"]) for message in self.redis.call("LRANGE", "celery", 0, -1)),
            60, "the message")

    def test_clients_that_leave_lose_nothing(self):
        """Whatever was stored is published, although nobody heard the answer."""
        def handled():
            return self.api.log.read_text().count("route=/v1/notify/")

        earlier = set(self.postgres.psql("SELECT id FROM notifications").split())
        body = json.dumps(NOTIFY)
        request = (f"POST /v1/notify/ HTTP/1.1\r\nHost: localhost\r\nX-API-KEY: {self.key}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()
        before = handled()
        for number in range(300):
            with socket.create_connection(("127.0.0.1", self.api.port)) as connection:
                connection.sendall(request if number % 3 else request[:-number // 3 - 1])
        # The outbox is also empty before the first of them was read.
        wait_until(lambda: handled() - before == 200, 60, "the 200 whole requests to be handled")
        wait_until(lambda: self.postgres.psql("SELECT count(*) FROM celeriac.outbox") == "0", 60, "an empty outbox")
        queued = {json.loads(base64.b64decode(json.loads(message)["body"]))[0][0]
                  for message in self.redis.call("LRANGE", "celery", 0, -1)}
        stored = set(self.postgres.psql("SELECT id FROM notifications").split())
        self.assertGreater(len(stored - earlier), 0)
        self.assertEqual(stored - earlier - queued, set())

    def test_a_stop_finishes_what_was_begun(self):
        """SIGTERM while a key is hashed: the answer comes, the code is 0."""
        api = CeleriacApi(self.session, migrate=False).start()
        answers = []
        idle = self.cpu_ticks(api)
        thread = threading.Thread(target=lambda: answers.append(
            api.request("POST", "/v1/tenants/register/", {"name": "Late", "email": "late@acme.example"})))
        thread.start()
        # Nothing but the hash takes hundredths of a second of CPU.
        wait_until(lambda: self.cpu_ticks(api) > idle + 2, 20, "the hash")
        self.assertEqual(api.stop(), 0)
        thread.join()
        self.assertEqual(answers[0][0], 201)

    @staticmethod
    def cpu_ticks(api: CeleriacApi) -> int:
        """CPU time of a process, in hundredths of a second."""
        fields = Path(f"/proc/{api.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def test_processes_can_share_a_port(self):
        """Both serve, and when one ends the other goes on."""
        first = CeleriacApi(self.session, migrate=False, options=("--share-port",)).start()
        second = CeleriacApi(self.session, migrate=False, options=("--share-port",))
        second.port = first.port
        second.start()
        wait_until(lambda: second.logged(r"\bready\b"), 20, "the second process")
        for _ in range(50):
            self.assertEqual(first.request("GET", "/health/")[0], 200)
        self.assertEqual(first.stop(), 0)
        for _ in range(50):
            self.assertEqual(second.request("GET", "/health/")[0], 200)
        self.assertEqual(second.stop(), 0)

    def test_a_log_file_is_opened_anew(self):
        """SIGHUP after the file was moved away."""
        path = self.session.dir / "api.log"
        api = CeleriacApi(self.session, migrate=False, options=("--logfile", str(path), "--logformat", "json")).start()
        path.rename(path.with_suffix(".1"))
        api.signal(signal.SIGHUP)
        wait_until(path.exists, 20, "a new log file")
        # The file is there a moment before it is written to.
        wait_until(lambda: api.request("GET", "/health/") and "route" in path.read_text(), 20, "a line in it")
        # The line that says so may come last.
        self.assertIn("/health/", [json.loads(line).get("route") for line in path.read_text().splitlines()])
        self.assertEqual(api.stop(), 0)


class ProgramTest(Stage):
    """The command line."""

    def run_program(self, *arguments, **variables):
        """Runs the program to its end."""
        return subprocess.run([program("celeriac-api"), *arguments], env=self.session.environment(variables),
                              cwd=self.session.dir, capture_output=True, text=True, timeout=60, check=False)

    def test_help_and_version(self):
        """On standard output, code 0."""
        done = self.run_program("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for word in ("--bind", "migrate", "--share-port", "--loglevel", "127.0.0.1:8000"):
            self.assertIn(word, done.stdout)
        done = self.run_program("--version")
        self.assertRegex(done.stdout, r"^celeriac-api \d+\.\d+\.\d+\n$")

    def test_the_manual_names_every_option(self):
        """docs/rest.md has a row for each."""
        manual = (ROOT / "docs" / "rest.md").read_text(encoding="utf-8")
        options = re.findall(r"--[a-z-]+", self.run_program("--help").stdout)
        self.assertGreater(len(options), 8)
        self.assertEqual([option for option in options if f"`{option}" not in manual], [])

    def test_mistakes_are_named(self):
        """Code 64, and the option or variable on standard error."""
        for arguments, variables, words in (
                (("--bnid", "x"), {}, "--bnid"), (("--bind", "nonsense"), {}, "--bind"),
                (("serve",), {}, "serve"), (("--threads", "0"), {}, "--threads"),
                ((), {"CELERIAC_API_THREADS": "many"}, "CELERIAC_API_THREADS"),
                (("--logformat", "xml"), {}, "--logformat")):
            done = self.run_program(*arguments, **variables)
            self.assertEqual(done.returncode, 64, arguments)
            self.assertIn(words, done.stderr)

    def test_a_port_in_use_is_an_error(self):
        """Code 1."""
        done = self.run_program("--bind", f"127.0.0.1:{self.api.port}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Address already in use", done.stderr)

    def test_an_unmigrated_database_is_named(self):
        """Code 1 and the command to run; then migrate, twice."""
        self.postgres.create_database("fresh")
        done = self.run_program("--bind", "127.0.0.1:0", DB_NAME="fresh")
        self.assertEqual(done.returncode, 1)
        self.assertIn("migrate", done.stderr)
        self.assertIn("made the tables", migrate(self.session, {"DB_NAME": "fresh"}))
        self.assertIn("already", migrate(self.session, {"DB_NAME": "fresh"}))

    def test_logs_hold_nothing_secret(self):
        """No key, address, subject or body at the most talkative level."""
        api = CeleriacApi(self.session, migrate=False, options=("-l", "debug")).start()
        _, key = api.register("Secretive", "hidden@acme.example")
        api.request("POST", "/v1/notify/", {**NOTIFY, "to": "recipient@hidden.example", "subject": "S3cret",
                                            "body": "B0dy"}, key)
        api.request("GET", "/v1/notifications/?to=recipient@hidden.example", key=key)
        api.request("GET", "/v1/tenants/me/", key="sk_live_unknown")
        self.assertEqual(api.stop(), 0)
        log = api.log.read_text()
        self.assertIn("route=/v1/notify/ status=202", log)
        self.assertIn("tenant=", log)
        for secret in (key, key[8:20], "sk_live", "hidden.example", "hidden@", "S3cret", "B0dy", "Secretive", "notif_pass"):
            self.assertNotIn(secret, log)
        self.assertTrue(re.search(r"took=\d+\.\d+ request=[0-9a-f-]{36} tenant=[0-9a-f-]{36}", log))


if __name__ == "__main__":
    unittest.main(module=sys.modules[__name__], verbosity=2)
