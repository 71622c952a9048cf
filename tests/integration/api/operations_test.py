"""celeriac-api as an operator meets it: python3 -m tests.integration.api.operations_test"""

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from tests.integration.worker.exposition import Metrics
from tests.services import CeleriacApi, Postgres, Redis, Server, Session, ports, venvs, wait_until
from tests.services.celeriac import migrate, program

WAIT_S = 30
NOTIFY = {"channel": "sms", "to": "+15551234567", "body": "Hi"}


class Stage(unittest.TestCase):
    """A database and a broker for the tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("api-operations")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.postgres = Postgres(cls.session, fsync=False).start()
        migrate(cls.session)

    def api(self, *options: str, wait: bool = True, **extra: str) -> CeleriacApi:
        """An API that is stopped after the test, well."""
        api = CeleriacApi(self.session, migrate=False, options=options, extra=extra)
        self.addCleanup(lambda: api.alive and self.assertEqual(api.stop(), 0))
        return api.start(wait=wait)


class ProbesTest(Stage):
    """--http."""

    def setUp(self):
        for server in (self.redis, self.postgres):
            if not server.alive:
                server.start()
        self.port = ports.claim()
        self.served = self.api("--http", f"127.0.0.1:{self.port}")
        # It comes after the port that the harness waits for.
        wait_until(self.listens, WAIT_S, "the probes' port")

    def listens(self) -> bool:
        """Whether somebody answers there."""
        try:
            self.ask("/livez")
            return True
        except ConnectionRefusedError:
            return False

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Status and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def metrics(self) -> Metrics:
        """What /metrics says."""
        status, text = self.ask("/metrics")
        self.assertEqual(status, 200)
        return Metrics(text)

    def value(self, name: str, **labels: str) -> float | None:
        """One sample, None when there is none."""
        return self.metrics().samples.get((name, frozenset(labels.items())))

    def await_value(self, name: str, good, what: str) -> float:
        """Waits until a sample is there and GOOD."""
        return wait_until(lambda: (found := self.value(name)) is not None and good(found) and (found,), WAIT_S, what)[0]

    def test_a_healthy_api_is_live_and_ready(self):
        """And says of what it consists."""
        self.assertEqual(self.ask("/livez"), (200, "serving\n"))
        wait_until(lambda: self.ask("/readyz") == (200, "ready: serving\ndatabase: ok\nbroker: ok\n"), WAIT_S, "ready")
        self.assertEqual(self.ask("/nothing")[0], 404)
        self.assertEqual(self.ask("/livez", "POST")[0], 405)

    def test_tenants_do_not_see_them(self):
        """They are on no other port."""
        for path in ("/metrics", "/livez", "/readyz"):
            self.assertEqual(self.served.request("GET", path)[0], 404)

    def test_without_a_database_it_is_not_ready(self):
        """But live; and ready again when the database is back."""
        self.postgres.stop()
        wait_until(lambda: self.ask("/readyz")[0] == 503, WAIT_S, "not ready")
        status, text = self.ask("/readyz")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"^not ready: serving\ndatabase: (?!ok).+\nbroker: ")
        self.assertEqual(self.ask("/livez")[0], 200)
        self.assertIsNone(self.value("celeriac_outbox_length"))
        self.postgres.start()
        wait_until(lambda: self.ask("/readyz")[0] == 200, WAIT_S, "ready")

    def test_without_a_broker_it_is_ready_and_says_so(self):
        """Accepted notifications wait, and the outbox shows how many since when."""
        _, key = self.served.register("Broker", f"broker{self.port}@acme.example")
        before = self.await_value("celeriac_outbox_length", lambda _: True, "the length")
        self.redis.stop()
        self.assertEqual(self.served.request("POST", "/v1/notify/", NOTIFY, key)[0], 202)
        wait_until(lambda: "broker: away" in self.ask("/readyz")[1], WAIT_S, "the broker is missed")
        self.assertEqual(self.ask("/readyz")[0], 200)
        self.await_value("celeriac_outbox_length", lambda found: found == before + 1, "it waits")
        self.assertEqual(self.value("celeriac_broker_reached"), 0)
        first = self.await_value("celeriac_outbox_oldest_seconds", lambda found: found > 0, "its age")
        self.await_value("celeriac_outbox_oldest_seconds", lambda found: found > first, "it ages")
        self.redis.start()
        self.await_value("celeriac_outbox_length", lambda found: found == 0, "published")
        self.await_value("celeriac_outbox_oldest_seconds", lambda found: found == 0, "none is old")
        self.assertEqual(self.value("celeriac_broker_reached"), 1)

    def test_requests_are_counted_by_their_pattern(self):
        """Never by their path."""
        _, key = self.served.register("Counter", f"counter{self.port}@acme.example")
        for number in range(3):
            self.assertEqual(self.served.request("GET", f"/v1/templates/{number}/", key=key)[0], 404)
        self.assertEqual(self.served.request("GET", "/v1/secret-path/", key=key)[0], 404)
        labels = {"route": "/v1/templates/{key}/", "method": "GET"}
        found = self.metrics()
        self.assertEqual(found.samples["celeriac_api_requests_total", frozenset({**labels, "status": "4xx"}.items())], 3)
        self.assertEqual(found.samples["celeriac_api_request_seconds_count", frozenset(labels.items())], 3)
        self.assertEqual(found.types["celeriac_api_request_seconds"], "histogram")
        self.assertEqual(found.samples["celeriac_api_requests_in_flight", frozenset()], 0)
        self.assertGreater(found.samples["celeriac_api_connections_total", frozenset()], 0)
        self.assertGreater(found.samples["celeriac_api_key_cache_misses_total", frozenset()], 0)
        self.assertGreater(found.samples["celeriac_store_calls_total", frozenset()], 0)
        self.assertNotIn("secret-path", self.ask("/metrics")[1])

    def test_connections_are_counted(self):
        """While they are open."""
        self.await_value("celeriac_api_connections", lambda found: found == 0, "those before are closed")
        with socket.create_connection(("127.0.0.1", self.served.port)):
            self.await_value("celeriac_api_connections", lambda found: found == 1, "one more")
        self.await_value("celeriac_api_connections", lambda found: found == 0, "one less")

    def test_a_taken_port_is_told(self):
        """At the start."""
        done = subprocess.run([program("celeriac-api"), "--bind", "127.0.0.1:0", "--http", f"127.0.0.1:{self.port}"],
                              env=self.session.environment(), cwd=self.session.dir, capture_output=True, text=True,
                              timeout=WAIT_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("option --http", done.stderr)


class LifeTest(Stage):
    """How it ends, and how one takes over from another."""

    def test_requests_in_flight_are_answered(self):
        """A preview that computes while TERM comes; nobody new is let in, and the probes say why."""
        port = ports.claim()
        api = self.api("--http", f"127.0.0.1:{port}", CELERIAC_TEMPLATE_FUEL="100000000")
        _, key = api.register("Life", "life@acme.example")
        slow = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        status, _, template = api.request("POST", "/v1/templates/", {"name": "slow", "channel": "sms", "body": slow}, key)
        self.assertEqual(status, 201)
        answers = []
        asking = threading.Thread(target=lambda: answers.append(
            api.request("POST", f"/v1/templates/{template['id']}/preview/", {}, key, timeout=120)))
        asking.start()

        def in_flight():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
            connection.close()
            return Metrics(text).samples["celeriac_api_requests_in_flight", frozenset()]

        wait_until(lambda: in_flight() == 1, WAIT_S, "the preview runs")
        api.signal(signal.SIGTERM)
        asking.join()
        self.assertEqual([answer[0] for answer in answers], [400])
        self.assertRegex(answers[0][2]["error"], "^Template rendering failed: ")
        wait_until(lambda: not api.alive, WAIT_S, "the end")

    def test_a_second_process_takes_over(self):
        """Two share a port; when one leaves no request fails that begins on a connection of its own."""
        first = self.api("--share-port")
        second = CeleriacApi(self.session, "second", migrate=False, options=("--share-port",))
        second.port = first.port
        self.addCleanup(lambda: second.alive and self.assertEqual(second.stop(), 0))
        second.start(wait=False)
        wait_until(lambda: second.logged(r"\bready\b"), WAIT_S, "the second")
        served = {"first": 0, "second": 0}

        def by_whom():
            return {name: api.log.read_text().count(" request ") for name, api in (("first", first), ("second", second))}

        for _ in range(200):
            self.assertEqual(first.request("GET", "/health/")[0], 200)
        served = by_whom()
        self.assertTrue(served["first"] > 0 and served["second"] > 0, served)
        self.assertEqual(first.stop(), 0)
        for _ in range(50):
            self.assertEqual(second.request("GET", "/health/")[0], 200)
        self.assertGreaterEqual(by_whom()["second"], served["second"] + 50)


class CommandsTest(Stage):
    """check and create-tenant."""

    def setUp(self):
        if not self.redis.alive:
            self.redis.start()
        self.dir = self.session.folder("command")

    def run_command(self, *words: str, **extra: str) -> subprocess.CompletedProcess:
        """The program with a command."""
        return subprocess.run([program("celeriac-api"), *words], env=self.session.environment(extra), cwd=self.dir,
                              capture_output=True, text=True, timeout=WAIT_S * 2, check=False)

    def check(self, *options: str, **extra: str) -> tuple[int, dict[str, tuple[str, str]]]:
        """Exit code, and for each part its verdict and sentence."""
        done = self.run_command("check", "--bind", "127.0.0.1:0", *options, **extra)
        lines = [line.split(None, 2) for line in done.stdout.splitlines()]
        return done.returncode, {part: (verdict, sentence) for verdict, part, sentence in lines}

    def test_a_good_configuration_passes(self):
        """One line for each part."""
        code, found = self.check(EMAIL_HOST="mail.test", DEFAULT_FROM_EMAIL="a@b.test", EMAIL_HOST_USER="",
                                 EMAIL_HOST_PASSWORD="", EMAIL_USE_TLS="True", EMAIL_PORT="587")
        self.assertEqual((code, {verdict for verdict, _ in found.values()}), (0, {"ok"}), found)
        self.assertEqual(list(found), ["settings", "hosts", "address", "proxies", "files", "database", "schema", "broker", "email"])
        self.assertEqual(found["email"][1], "mail.test:587, STARTTLS")

    def test_servers_that_are_away_are_named(self):
        """With the reason; and no password shows."""
        nobody = str(ports.claim())
        code, found = self.check(DB_PORT=nobody, DB_PASSWORD="hidden-word", REDIS_URL=f"redis://:hidden-word@127.0.0.1:{nobody}/0")
        self.assertEqual((code, found["database"][0], found["broker"][0]), (1, "FAIL", "FAIL"), found)
        self.assertIn("refused", found["database"][1])
        self.assertNotIn("schema", found)
        self.assertNotIn("hidden-word", str(found))

    def test_a_database_that_was_not_migrated_is_told(self):
        """With the command that helps."""
        self.postgres.create_database("bare")
        code, found = self.check(DB_NAME="bare")
        self.assertEqual((code, found["database"][0], found["schema"][0]), (1, "ok", "FAIL"), found)
        self.assertIn("run `celeriac-api migrate`", found["schema"][1])

    def test_missing_privileges_are_named(self):
        """Each of them."""
        self.postgres.admin("CREATE ROLE poor LOGIN PASSWORD 'poor'; GRANT USAGE ON SCHEMA celeriac TO poor; "
                           "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, celeriac TO poor; "
                           "REVOKE UPDATE ON public.notifications FROM poor")
        code, found = self.check(DB_USER="poor", DB_PASSWORD="poor")
        self.assertEqual((code, found["schema"]), (1, ("FAIL", "the role lacks UPDATE on public.notifications")), found)

    def test_settings_are_judged(self):
        """Hosts, mail, files, the port, .env."""
        (self.dir / ".env").write_text("EMAIL_HOST=mail.test\n")
        (self.dir / ".env").chmod(0o644)
        code, found = self.check("--connections", "65000", ALLOWED_HOSTS="api.test, https://api.test", EMAIL_HOST="",
                                 EMAIL_HOST_USER="")
        self.assertEqual((code, found["settings"][0], found["hosts"][0], found["email"][0]), (1, "warn", "FAIL", "warn"), found)
        self.assertIn("chmod 600", found["settings"][1])
        self.assertEqual(self.check(ALLOWED_HOSTS="*")[1]["hosts"][0], "warn")
        self.assertEqual(self.check(ALLOWED_HOSTS=".api.test,[::1]")[1]["hosts"][0], "ok")
        with socket.create_server(("127.0.0.1", 0)) as taken:
            code, found = self.check("--bind", f"127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual((code, found["address"][0]), (0, "warn"), found)
        self.assertEqual(self.check(CELERIAC_TRUSTED_PROXIES="10.0.0.0/8, ::1")[1]["proxies"],
                         ("ok", "X-Forwarded-For of 2 networks names the client"))
        self.assertEqual(self.check(CELERIAC_TRUSTED_PROXIES="0.0.0.0/0")[1]["proxies"][0], "warn")
        code, found = self.check(CELERIAC_TRUSTED_PROXIES="10.0.0.1/8")
        self.assertEqual((code, found["settings"][0]), (1, "FAIL"))
        self.assertIn('CELERIAC_TRUSTED_PROXIES: "10.0.0.1/8" has bits set', found["settings"][1])
        code, found = self.check(EMAIL_PORT="smtp")
        self.assertEqual((code, found["settings"][0]), (1, "FAIL"))
        self.assertIn("EMAIL_PORT", found["settings"][1])

    def test_a_tenant_is_made(self):
        """Its key opens the API, and is shown as text or as JSON."""
        done = self.run_command("create-tenant", "Made Ltd", "made@acme.example")
        self.assertEqual(done.returncode, 0, done.stderr)
        words = dict(line.split() for line in done.stdout.splitlines()[:2])
        api = self.api()
        status, _, body = api.request("GET", "/v1/tenants/me/", key=words["api_key"])
        self.assertEqual((status, body["tenant_id"], body["name"], body["email"]),
                         (200, words["tenant_id"], "Made Ltd", "made@acme.example"))
        self.assertEqual(api.request("GET", "/v1/api-keys/", key=words["api_key"])[2][0]["name"], "Initial API Key")
        done = self.run_command("create-tenant", "--json", "Other", "other@acme.example")
        made = json.loads(done.stdout)
        self.assertEqual(list(made), ["tenant_id", "name", "email", "api_key"])
        self.assertEqual(api.request("GET", "/v1/tenants/me/", key=made["api_key"])[2]["tenant_id"], made["tenant_id"])

    def test_a_limit_is_set_and_removed(self):
        """Each process heeds it within moments, and it is shown as text or as JSON."""
        made = json.loads(self.run_command("create-tenant", "--json", "Limited", "limited@acme.example").stdout)
        tenant, key = made["tenant_id"], made["api_key"]
        processes = [CeleriacApi(self.session, name=name, migrate=False).start() for name in ("limits-a", "limits-b")]

        def limits():
            return {api.request("GET", "/v1/tenants/me/", key=key)[1].get("ratelimit-limit") for api in processes}

        self.assertEqual(limits(), {None})
        done = self.run_command("limit", tenant)
        self.assertEqual((done.returncode, done.stdout), (0, f"tenant_id   {tenant}\nno limit of its own\n"), done.stderr)
        for rate, burst in (("0.5", "200"), ("12.345", "1000"), ("100000", "1000000")):
            done = self.run_command("limit", tenant, rate, burst)
            self.assertEqual((done.returncode, done.stdout),
                             (0, f"tenant_id   {tenant}\nper_second  {rate}\nburst       {burst}\n"), done.stderr)
            wait_until(lambda wanted={burst}: limits() == wanted, 20, "the limit at all processes")
        self.assertEqual(json.loads(self.run_command("limit", "--json", tenant).stdout),
                         {"tenant_id": tenant, "per_second": 100000, "burst": 1000000})
        done = self.run_command("limit", tenant, "none", "--json")
        self.assertEqual(json.loads(done.stdout), {"tenant_id": tenant, "per_second": None, "burst": None})
        wait_until(lambda: limits() == {None}, 20, "no limit at all processes")
        self.assertEqual(self.run_command("limit", tenant, "none").returncode, 0)
        self.assertEqual([api.stop() for api in processes], [0, 0])

    def test_a_limit_that_cannot_be_is_refused(self):
        """A tenant that is not there, words that make no sense, a database that is away."""
        nobody = "00000000-0000-4000-8000-000000000000"
        for words in ((nobody,), (nobody, "1", "1"), (nobody, "none")):
            done = self.run_command("limit", *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertTrue(done.stderr.endswith("celeriac-api: limit: there is no such tenant\n"), done.stderr)
        self.assertEqual(self.postgres.psql(f"SELECT count(*) FROM celeriac.tenant_limits WHERE tenant_id = '{nobody}'"), "0")
        done = self.run_command("limit", nobody, "fast", "1")
        self.assertEqual((done.returncode, done.stderr),
                         (64, "celeriac-api: limit: PER_SECOND: must be between 0.001 and 100000, or none\n"))
        done = self.run_command("limit", nobody, DB_PORT=str(ports.claim()))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("refused", done.stderr)

    def test_a_tenant_that_cannot_be_is_refused(self):
        """In the API's words, and nothing on standard output."""
        self.assertEqual(self.run_command("create-tenant", "Twice", "twice@acme.example").returncode, 0)
        for words, complaint in ((("Again", "twice@acme.example"), "a tenant with this email already exists"),
                                 (("Name", "no-address"), '{"email":["Enter a valid email address."]}'),
                                 (("", "a@acme.example"), '{"name":["This field may not be blank."]}')):
            done = self.run_command("create-tenant", *words)
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertIn(f"celeriac-api: create-tenant: {complaint}", done.stderr)
        self.assertEqual(self.run_command("create-tenant", "Alone").returncode, 64)


class TracedWorker(Server):
    """A Python worker under OpenTelemetry."""

    def env(self) -> dict[str, str]:
        return self.session.environment({"PYTHONDONTWRITEBYTECODE": "1"})

    def cwd(self) -> str:
        return str(Path(__file__).parent)

    def command(self) -> list[str]:
        return [str(venvs.python("tracing")), "-m", "celery", "-A", "traced_worker", "worker", "-P", "solo", "-l", "info",
                "--without-gossip", "--without-mingle"]

    def ready(self) -> bool:
        return self.logged(r"\bready\.")


class TraceTest(Stage):
    """traceparent and tracestate of a request, in the headers of the task."""

    TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    GIVEN = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "congo=t61rcWkgMzE,rojo=00f067"}

    def setUp(self):
        if not self.redis.alive:
            self.redis.start()
        self.redis.call("FLUSHALL")
        self.served = self.api()
        _, self.key = self.served.register("Trace", f"trace{self.served.port}@acme.example")

    def post(self, path: str, body: object, **headers: str) -> dict:
        """An accepted request with further headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=WAIT_S)
        try:
            connection.request("POST", path, json.dumps(body), {"X-API-KEY": self.key, "Content-Type": "application/json",
                                                                **headers})
            answer = connection.getresponse()
            found = json.loads(answer.read())
            self.assertEqual(answer.status, 202, found)
            return found
        finally:
            connection.close()

    def messages(self, count: int) -> list[dict]:
        """The headers of all messages, once there are COUNT."""
        wait_until(lambda: self.redis.call("LLEN", "celery") == count, WAIT_S, f"{count} messages")
        return [json.loads(text)["headers"] for text in self.redis.call("LRANGE", "celery", 0, -1)]

    def test_the_message_carries_them(self):
        """At the top of its headers, where OpenTelemetry's instrumentation puts them; one, and a batch."""
        self.post("/v1/notify/", NOTIFY, **self.GIVEN)
        self.post("/v1/notify/batch/", {"notifications": [NOTIFY, NOTIFY]}, **self.GIVEN)
        for headers in self.messages(3):
            self.assertEqual({name: headers[name] for name in self.GIVEN}, self.GIVEN)
            self.assertEqual(headers["task"], "notifications.tasks.send_notification_task")

    def test_what_breaks_the_grammar_is_left_out(self):
        """A bad parent with its state, a bad state alone; and what was never there."""
        self.post("/v1/notify/", NOTIFY, traceparent=f"00-{'0' * 32}-{self.PARENT}-01", tracestate="a=1")
        self.post("/v1/notify/", NOTIFY)
        for headers in self.messages(2):
            self.assertFalse({"traceparent", "tracestate"} & set(headers))
        self.redis.call("FLUSHALL")
        self.post("/v1/notify/", NOTIFY, **{**self.GIVEN, "tracestate": "No=1"})
        headers, = self.messages(1)
        self.assertEqual((headers["traceparent"], "tracestate" in headers), (self.GIVEN["traceparent"], False))

    def test_the_outbox_keeps_them(self):
        """A message that could not be published at once has them when another process publishes it."""
        self.redis.stop()
        accepted = self.post("/v1/notify/", NOTIFY, **self.GIVEN)
        row = self.postgres.psql(f"SELECT headers FROM celeriac.outbox WHERE notification_id = '{accepted['id']}'")
        self.assertEqual(json.loads(row), self.GIVEN)
        self.served.kill()
        self.redis.start()
        self.api()
        headers, = self.messages(1)
        self.assertEqual({name: headers[name] for name in self.GIVEN}, self.GIVEN)

    def test_a_traced_worker_continues_the_trace(self):
        """Its span is a child of the request's."""
        venvs.ensure("tracing")
        worker = TracedWorker(self.session, "traced")
        self.addCleanup(lambda: worker.alive and worker.stop())
        worker.start()
        accepted = self.post("/v1/notify/", NOTIFY, **self.GIVEN)
        wait_until(lambda: self.redis.call("LLEN", "traces") == 1, WAIT_S, "the task")
        told = json.loads(self.redis.call("LRANGE", "traces", 0, -1)[0])
        self.assertEqual((told["notification"], told["trace"], told["parent"], told["state"]),
                         (accepted["id"], self.TRACE, self.PARENT, {"congo": "t61rcWkgMzE", "rojo": "00f067"}))


class LogTest(Stage):
    """--logformat json."""

    def test_a_request_leaves_one_line_without_personal_data(self):
        """Its id, route, status, time and tenant, and nothing that the client sent."""
        api = self.api("--logformat", "json")
        tenant, key = api.register("Secret Name", "log@acme.example")
        status, headers, _ = api.request("POST", "/v1/notify/", {**NOTIFY, "body": "very private"}, key)
        self.assertEqual(status, 202)
        lines = [json.loads(line) for line in api.log.read_text().splitlines()]
        found = [line for line in lines if line.get("request") == headers["x-request-id"]]
        self.assertEqual(len(found), 1)
        self.assertEqual({name: found[0][name] for name in ("event", "level", "component", "method", "route", "status",
                                                            "tenant")},
                         {"event": "request", "level": "INFO", "component": "api", "method": "POST",
                          "route": "/v1/notify/", "status": 202, "tenant": tenant})
        self.assertGreater(found[0]["took"], 0)
        text = api.log.read_text()
        for private in (key, NOTIFY["to"], "very private", "Secret Name", "log@acme.example"):
            self.assertNotIn(private, text)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + ["-v"] + sys.argv[1:])
