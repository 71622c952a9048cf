"""Our API and Django's side by side: python3 -m bench.rest [--quick]   report: build/report/bench_rest.tsv

POST /v1/notify/, a tenant's list and single notifications, with 1 and with 20 keys (each of a tenant of its own with
1,000 notifications) and the requests spread over all of them, on the same Redis and PostgreSQL, in turn. Django is at its
best: gunicorn with 2 workers of 8 threads each, connections kept by client and server; neither side writes a line for each
request. What a request costs Django is the hash of the keys, of which it computes one for every key until the right one is
found; so there is a second line of Django with a hash of one round, which is all the rest. A case passes when ours is ahead of
both in every column; when each request was answered well; and when what was accepted lies in the queue, each once, with nothing
left in the outbox.

--quick does less of each, to see that it works; figures to quote come from a run without it.
"""

import argparse
import http.client
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from interop import demo, rest_world, stage
from interop.stage import Broker, Rows
from tests.services import CeleriacApi, DjangoApi, HttpServer, Postgres, Redis, Report, ServiceError, Session, SmtpSink, venvs, wait_until

from .meter import cpu, pss

KEYS = (1, 20)
ROWS = 1000  # notifications of each tenant
SINGLE = 50  # of these, how many are asked for one by one
CONNECTIONS = 16  # as many as gunicorn has threads
WORKERS, THREADS = 2, 8
# CPU time is counted in ticks, and the servers use some by themselves: of few requests it says nothing about them.
ENOUGH = 200
LOOK_S = 0.5
IDLE = 0.05  # share of a core below which a server has nothing to do
PATIENCE_S = 60.0
GIVE_UP_S = 300.0  # an answer of Django's may wait for 20 hashes behind those of others
DATA = {"name": "User", "company": "Acme Corp", "features": ["templates", "retries", "dead letters"]}

WELL = (200, 202)
Request = tuple[str, str, str, str]  # method, path, key, body

# Attribute of Figures, whether more is better, its heading.
COLUMNS = (("rate", True, "requests/s"), ("p50_ms", False, "p50 ms"), ("p99_ms", False, "p99 ms"),
           ("server_ms", False, "server CPU-ms"), ("postgres_ms", False, "PG CPU-ms"), ("redis_ms", False, "Redis CPU-ms"),
           ("pss_mb", False, "PSS MB"))


@dataclass(frozen=True)
class Side:
    """One API. amount: seconds of load; for one that hashes keys in earnest requests, with KEYS[0] and with KEYS[1] keys."""

    name: str
    amount: tuple[int, int]
    ours: bool = False
    slow: bool = False  # hashes keys in earnest


@dataclass
class Figures:
    """One row of a table: times of a request in milliseconds, memory in MB; None is what cannot be told."""

    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    server_ms: float
    postgres_ms: float | None
    redis_ms: float | None
    pss_mb: float
    client_ms: float | None
    failed: int


def sides(quick: bool) -> list[Side]:
    """The quicker ones of Django last: they need other hashes in the table."""
    return [Side("celeriac-api", (3, 3) if quick else (10, 10), ours=True),
            Side("Django", (6, 4) if quick else (40, 20), slow=True),
            Side("Django, one-round hash", (4, 4) if quick else (10, 10))]


@dataclass
class Answers:
    """What a client saw."""

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float
    failed: int


def wrk(api: HttpServer, requests: list[Request], seconds: float, file: Path) -> Answers:
    """Sends REQUESTS in turn for SECONDS; FILE is for their list."""
    file.write_text("".join("\t".join(request) + "\n" for request in requests))
    done = subprocess.run(["wrk", "-t", "1", "-c", str(CONNECTIONS), "-d", f"{seconds}s", "--timeout", f"{GIVE_UP_S:.0f}s",
                           "-s", str(stage.ROOT / "bench/rest.lua"), api.url, "--", str(file)], capture_output=True, text=True, check=False)
    line = [line for line in done.stdout.splitlines() if line.startswith("figures ")]
    if done.returncode != 0 or not line:
        raise ServiceError(f"wrk ended with {done.returncode}: {done.stdout}{done.stderr}")
    count, took_us, p50_us, p99_us, failed = map(int, line[0].split()[1:])
    if count == 0:
        raise ServiceError(f"{api.name}: no answer within {seconds} s")
    return Answers(count, took_us / 1e6, p50_us / 1000, p99_us / 1000, failed)


def few(api: HttpServer, requests: list[Request], count: int) -> Answers:
    """Sends COUNT requests that take long, so that none is under way when counting ends.

    From as many connections as there are cores: more would only wait longer for the hashes, so this is the best for the other side.
    The requests are taken from all of REQUESTS at even distances, so that their keys' places in the table are the average.
    """
    step = max(1, len(requests) // count)
    turn = iter([requests[(number * step + step // 2) % len(requests)] for number in range(count)])
    times, failed = [], []

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", api.port, timeout=GIVE_UP_S)
        for method, path, key, body in turn:
            sent = time.monotonic()
            connection.request(method, path, body or None, {"X-API-KEY": key, "Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            times.append(1000 * (time.monotonic() - sent))
            if answer.status not in WELL:
                failed.append(answer.status)
        connection.close()

    began = time.monotonic()
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as clients:
        for client in [clients.submit(send) for _ in range(cores)]:
            client.result()
    times.sort()
    return Answers(len(times), time.monotonic() - began, times[len(times) // 2], times[len(times) * 99 // 100], len(failed))


class Bench:
    """One session with its servers; the tenants, and one key of each."""

    def __init__(self, session: Session):
        self.session = session
        self.redis = Redis(session).start()
        self.postgres = Postgres(session).start()
        SmtpSink(session)
        stage.migrate(session, True)
        self.tenants: list[tuple[str, str]] = []
        self._requests = session.folder("requests") / "list"
        self._loads = 0

    def start(self, side: Side) -> HttpServer:
        """The API of a side, ready."""
        if side.ours:
            return CeleriacApi(self.session, migrate=False, options=("-l", "warning")).start()
        extra = {"ORACLE_KEEP_CONNECTIONS": "1", **({} if side.slow else {"ORACLE_QUICK_KEYS": "1"})}
        return DjangoApi(self.session, workers=WORKERS, threads=THREADS, migrate=False, access_log=False, extra=extra).start()

    def register(self, api: HttpServer, count: int) -> None:
        """Makes tenants until there are COUNT."""
        for number in range(len(self.tenants), count):
            tenant, key = api.register(f"Tenant {number}", f"t{number}@tenant.example")
            demo.create_template(api, key)
            self.tenants.append((tenant, key))

    def activate(self, count: int) -> None:
        """Leaves the first COUNT keys active."""
        ids = ", ".join(f"'{tenant}'" for tenant, _ in self.tenants[:count])
        self.postgres.psql(f"UPDATE api_keys SET is_active = tenant_id IN ({ids})")

    def hash_once(self) -> None:
        """Gives the keys hashes of one round."""
        self.postgres.psql("\n".join(f"UPDATE api_keys SET key_hash = '{rest_world.django_hash(key)}' WHERE tenant_id = '{tenant}';"
                                     for tenant, key in self.tenants))

    def fill(self) -> None:
        """The same rows before each case."""
        self.redis.call("FLUSHALL")
        self.postgres.psql(f"""TRUNCATE notifications, dead_letters, celeriac.outbox CASCADE;
            INSERT INTO notifications (id, tenant_id, template_id, channel, "to", data, status, provider_response, created_at,
                                       updated_at, sent_at)
            SELECT gen_random_uuid(), t.tenant_id, t.id, 'email', 'user' || n || '@example.com',
                   '{{"template_data": {json.dumps(DATA)}, "inline_subject": null, "inline_body": null}}', 'sent',
                   '{{"provider": "email", "status": "sent"}}', at, at, at
              FROM templates t, generate_series(1, {ROWS}) n, LATERAL (SELECT now() - n * interval '1 minute' AS at) a;
            VACUUM ANALYZE notifications; VACUUM ANALYZE api_keys""")
        self.postgres.admin("CHECKPOINT")

    def requests(self, call: str, count: int) -> list[Request]:
        """What a case sends in turn, neighbours with different keys."""
        keys = dict(self.tenants[:count])
        if call == "notify":
            self._loads += 1
            body = json.dumps({"channel": "email", "to": self._recipient(), "template": "welcome_email", "data": DATA})
            return [("POST", "/v1/notify/", key, body) for key in keys.values()]
        if call == "list":
            return [("GET", "/v1/notifications/", key, "") for key in keys.values()]
        found = {tenant: self.postgres.psql(f"SELECT id FROM notifications WHERE tenant_id = '{tenant}' LIMIT {SINGLE}").split()
                 for tenant in keys}
        return [("GET", f"/v1/notifications/{found[tenant][number]}/", key, "") for number in range(SINGLE) for tenant, key in keys.items()]

    def load(self, api: HttpServer, side: Side, amount: int, keys: int, requests: list[Request]) -> Figures:
        """Has a client send REQUESTS, the first KEYS of them with different keys, and looks at what that costs."""
        method, path, key, body = requests[0]
        status, _, answer = api.request(method, path, json.loads(body) if body else None, key, GIVE_UP_S)
        if status not in WELL:
            raise ServiceError(f"{side.name}: {method} {path} answered {status}: {answer}")
        spent, memory = self._spent(api), 0
        with ThreadPoolExecutor(1) as pool:
            client = pool.submit(few, api, requests[:keys], amount) if side.slow else pool.submit(wrk, api, requests, amount, self._requests)
            while not client.done():
                memory = max(memory, pss(api.pid))
                time.sleep(LOOK_S)
        seen = client.result()
        server, postgres, redis, own = (1000 * (late - early) / seen.count for early, late in zip(spent, self._spent(api)))
        told = seen.count >= ENOUGH
        return Figures(seen.count, seen.count / seen.seconds, seen.p50_ms, seen.p99_ms, server, postgres if told else None,
                       redis if told and method == "POST" else None, memory / 1e6, own if told else None, seen.failed)

    def _spent(self, api: HttpServer) -> tuple[float, float, float, float]:
        """CPU seconds until now of the API, the servers and the clients that have ended."""
        clients = resource.getrusage(resource.RUSAGE_CHILDREN)
        return cpu(api.pid), cpu(self.postgres.pid), cpu(self.redis.pid), clients.ru_utime + clients.ru_stime

    def settle(self, api: HttpServer) -> None:
        """Lets the API end what nobody waits for any more, so that the next load begins with an idle one."""
        def idle() -> bool:
            before = cpu(api.pid)
            time.sleep(LOOK_S)
            return cpu(api.pid) - before < IDLE * LOOK_S
        wait_until(idle, GIVE_UP_S, f"{api.name} to be idle")

    def published(self, done: int) -> tuple[bool, str]:
        """Whether at least DONE were accepted in this load, each of them lies in the queue once, and the outbox is empty.

        What nobody waited for any more may still be on its way, hence the patience; and what an earlier load left to
        the server may arrive in this one, hence the recipient that tells them apart.
        """
        last = ""

        def all_of_them() -> bool:
            nonlocal last
            rows = [row["id"] for row in Rows(self.postgres).query(f"""SELECT id FROM notifications WHERE "to" = '{self._recipient()}'""")]
            queued = Counter(message.args[0] for message in Broker(self.redis).queued())
            left = int(self.postgres.psql("SELECT count(*) FROM celeriac.outbox"))
            once = sum(queued[row] == 1 for row in rows)
            last = f"{done} answered, {len(rows)} rows, {once} of them in the queue once, {left} in the outbox"
            return len(rows) >= done and once == len(rows) and left == 0

        try:
            wait_until(all_of_them, PATIENCE_S, "all messages", LOOK_S)
        except ServiceError:
            return False, last
        return True, last

    def _recipient(self) -> str:
        """Of all notifications of one load, and of no other."""
        return f"load{self._loads}@example.com"


def print_table(name: str, rows: list[tuple[Side, Figures]]) -> None:
    """One case's rows."""
    print(f"\n{name}\n  {'':24}" + "".join(f"{heading:>15}" for _, _, heading in COLUMNS) + f"{'wrk CPU-ms':>15}")
    for side, figures in rows:
        values = [getattr(figures, column) for column, _, _ in COLUMNS] + [figures.client_ms]
        print(f"  {side.name:24}" + "".join(f"{'-' if value is None else format(value, '.3g' if value < 100 else '.0f'):>15}" for value in values))
    sys.stdout.flush()


def judge(report: Report, name: str, rows: list[tuple[Side, Figures]]) -> None:
    """Ours against each of the others, in every column."""
    mine = next(figures for side, figures in rows if side.ours)
    for side, theirs in rows:
        if side.ours:
            continue
        ratios = {}
        for column, more, heading in COLUMNS:
            value, other = getattr(mine, column), getattr(theirs, column)
            if value is not None and other is not None:
                ratios[heading] = value / max(other, 1e-9) if more else other / max(value, 1e-9)
        report.case(f"{name}: ahead of {side.name}", min(ratios.values()) > 1,
                    ", ".join(f"{heading} {ratio:.1f}" for heading, ratio in ratios.items()))
    report.case(f"{name}: every request answered well", not any(figures.failed for _, figures in rows),
                ", ".join(f"{side.name} {figures.failed} of {figures.requests} not" for side, figures in rows))


def measure(bench: Bench, report: Report, side: Side, quick: bool, tables: dict) -> None:
    """All cases of one side; its figures go into TABLES."""
    if not side.ours and not side.slow:
        bench.hash_once()
    api = bench.start(side)
    for number, count in enumerate(KEYS):
        if side.ours:
            bench.register(api, count)
        bench.activate(count)
        for call, name in (("notify", "POST /v1/notify/"), ("list", "list"), ("detail", "detail")):
            if quick and side.slow and count > 1 and call != "notify":
                continue
            case = f"{name}, {count} key{'s' if count > 1 else ''}"
            bench.fill()
            requests = bench.requests(call, count)
            if not side.slow:
                bench.load(api, side, 1, count, requests)
                bench.settle(api)
                bench.fill()
                requests = bench.requests(call, count)
            figures = bench.load(api, side, side.amount[number], count, requests)
            bench.settle(api)
            if call == "notify":
                passed, said = bench.published(figures.requests)
                report.case(f"{case}: what was accepted is published ({side.name})", passed, said)
            tables.setdefault(case, []).append((side, figures))
    api.stop()


def main() -> int:
    """Runs everything."""
    parser = argparse.ArgumentParser(prog="bench.rest")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    venvs.ensure("newest")
    report = Report("bench_rest")
    tables: dict[str, list[tuple[Side, Figures]]] = {}
    with Session("bench-rest") as session:
        bench = Bench(session)
        for side in sides(quick):
            measure(bench, report, side, quick, tables)
    for name, rows in tables.items():
        print_table(name, rows)
        judge(report, name, rows)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
