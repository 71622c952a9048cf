"""The work that is measured, and how each side does it."""

import base64
import json
import os
import time
import uuid
from dataclasses import dataclass

from interop import stage
from tests.services import CeleriacWorker, CeleryWorker, Postgres, Redis, Server, ServiceError, Session, SmtpSink

from .meter import Figures, cpu, pss

QUEUE = "celery"
POLL_S = 0.004
GIVE_UP_S = 900.0
SLOW_MS = 50  # what the slow SMTP server takes for each command


class NoopWorker(Server):
    """Ours with tasks that do nothing: bench/noop_worker.c."""

    def __init__(self, session: Session, side: "Side"):
        super().__init__(session, "noop")
        self._words = [str(side.concurrency), *(["prefork"] if side.children else [])]

    def env(self) -> dict[str, str]:
        return self.session.environment()

    def command(self) -> list[str]:
        return [str(stage.ROOT / "build/release/bench/noop_worker"), *self._words]


@dataclass(frozen=True)
class Side:
    """One way to run the work. pool: prefork or threads for Python, None for ours; children: ours with -P prefork."""

    name: str
    concurrency: int
    pool: str | None = None
    kept: bool = False
    children: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is Celeriac."""
        return self.pool is None


OURS = (Side("celeriac -c 2", 2), Side("celeriac -c 8", 8), Side("celeriac -c 64", 64))
OURS_PREFORK = tuple(Side(f"celeriac -P prefork -c {count}", count, children=True) for count in (2, 8))
OURS_SLOW = (Side("celeriac -c 64", 64), Side("celeriac -c 512", 512))
PYTHON_NOOP = (Side("prefork -c 2", 2, "prefork"), Side("prefork -c 8", 8, "prefork"), Side("threads -c 32", 32, "threads"))
PYTHON_SEND = PYTHON_NOOP + tuple(Side(f"{side.name}, kept", side.concurrency, side.pool, True) for side in PYTHON_NOOP)


def noop_message(name: str) -> str:
    """A message as Celery 5.6 publishes it."""
    number = str(uuid.uuid4())
    body = '[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
    return json.dumps({
        "body": base64.b64encode(body.encode()).decode(), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": {"lang": "py", "task": name, "id": number, "shadow": None, "eta": None, "expires": None,
                    "group": None, "group_index": None, "retries": 0, "timelimit": [None, None], "root_id": number,
                    "parent_id": None, "argsrepr": "()", "kwargsrepr": "{}", "origin": f"gen{os.getpid()}@bench",
                    "ignore_result": name.endswith("ignored"), "replaced_task_nesting": 0, "stamped_headers": None,
                    "stamps": {}},
        "properties": {"correlation_id": number, "reply_to": str(uuid.uuid4()), "delivery_mode": 2,
                       "delivery_info": {"exchange": "", "routing_key": QUEUE}, "priority": 0,
                       "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())}})


class Bench:
    """One session with its servers, reused for every measurement."""

    def __init__(self, session: Session):
        self.session = session
        self.redis = Redis(session).start()
        self.postgres = Postgres(session).start()
        self.sink = SmtpSink(session, "sink", ids=False).start()
        self.slow_sink = SmtpSink(session, "slow-sink", delay_ms=SLOW_MS, ids=False).start()
        stage.migrate(session, True)
        self.extra = {"ORACLE_TEST_TASKS": "1"}

    def _worker(self, side: Side, noop: bool, sink: SmtpSink) -> Server:
        if side.ours and noop:
            return NoopWorker(self.session, side)
        if side.ours:
            return CeleriacWorker(self.session, f"ours{side.concurrency}", side.concurrency, extra=sink.variables())
        extra = {**self.extra, **sink.variables(), **({"ORACLE_KEEP_CONNECTIONS": "1"} if side.kept else {})}
        return CeleryWorker(self.session, f"py{side.concurrency}", concurrency=side.concurrency, pool=side.pool,
                            options=("-l", "warning"), extra=extra)

    def _spent(self, sink: SmtpSink) -> tuple[float, float, float]:
        """CPU seconds of the servers until now."""
        return cpu(self.redis.pid), cpu(self.postgres.pid), cpu(sink.pid)

    def _measure(self, worker: Server, sink: SmtpSink, count: int, done) -> Figures:
        """Starts a worker on a filled queue and watches it until DONE says COUNT."""
        before = self._spent(sink)
        began = time.monotonic()
        worker.start(wait=False)
        first = None
        memory, next_look = 0, began + 0.2
        while True:
            ready, now = done(), time.monotonic()
            if ready > 0 and first is None:
                first = now, ready
            if now >= next_look:
                memory, next_look = max(memory, pss(worker.pid)), now + 0.5
            if ready >= count:
                break
            if now - began > GIVE_UP_S or not worker.alive:
                worker.print_log()
                raise ServiceError(f"{worker.name}: {ready} of {count} after {now - began:.0f} s")
            time.sleep(POLL_S)
        memory = max(memory, pss(worker.pid))
        used = cpu(worker.pid)
        redis, postgres, smtp = (1000 * (late - early) / count
                                 for early, late in zip(before, self._spent(sink)))
        worker.stop()
        span = max(now - first[0], POLL_S)
        return Figures((count - first[1]) / span if count > first[1] else count / (now - began), 1000 * used / count,
                       redis, postgres, smtp, memory / 1e6, 1000 * (first[0] - began))

    def noop(self, side: Side, count: int, results: bool) -> Figures:
        """COUNT tasks that do nothing."""
        name = "interop.noop" if results else "interop.noop_ignored"
        with self.redis.client() as client:
            client.call("FLUSHALL")
            for start in range(0, count, 1000):
                client.call("LPUSH", QUEUE, *[noop_message(name) for _ in range(min(1000, count - start))])
            figures = self._measure(self._worker(side, True, self.sink), self.sink, count, lambda: count - sum(
                client.pipeline([("LLEN", QUEUE), ("HLEN", "unacked")])))
        figures.postgres_cpu_ms = figures.smtp_cpu_ms = None
        return figures

    def send(self, side: Side, count: int, slow: bool) -> Figures:
        """COUNT notifications that wait in the queue."""
        sink = self.slow_sink if slow else self.sink
        self.redis.call("FLUSHALL")
        self.postgres.psql("TRUNCATE notifications, dead_letters CASCADE")
        stage.python_json(self.session, "in_django/fill.py", {"count": count}, extra=self.extra)
        self.postgres.psql("VACUUM ANALYZE notifications")
        start = sink.count
        return self._measure(self._worker(side, False, sink), sink, count, lambda: sink.count - start)
