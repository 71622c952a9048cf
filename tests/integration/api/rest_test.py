"""The calls of celeriac-api against a real PostgreSQL and Redis: python3 -m tests.integration.api.rest_test"""

import base64
import http.client
import json
import re
import unittest
import urllib.parse

from interop import rest_cases
from tests.integration.api.stage import NOTIFY, Stage
from tests.services import ROOT, wait_until


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


if __name__ == "__main__":
    unittest.main(verbosity=2)
