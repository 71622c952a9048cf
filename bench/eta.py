"""Messages that wait an hour for their eta, with ours and with Celery: python3 -m bench.eta   report: build/report/eta.tsv

100,000 of them in the queue and a visibility timeout of ten seconds, so that what a worker does not refresh comes again
while one looks. Each side takes them all (or as many as it manages in three minutes), and is then watched for thirty
seconds: memory, CPU time of the worker and of Redis, and how many messages were delivered a second time.
"""

import json
import re
import sys
import time
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from tests.integration.worker.peers import peer_env
from tests.services import ROOT, CeleriacWorker, Redis, Report, Server, Session, ports, venvs
from tests.services.celeriac import program

from .meter import cpu, pss
from .workloads import QUEUE, noop_message

COUNT = 100_000
TASK = "app.add"
TAKING_S = 180.0
WATCHED_S = 30.0
OPTIONS = json.dumps({"visibility_timeout": 10})

# What ours must keep to: memory in MB, and the part of Celery's CPU time, as milliseconds depend on the machine.
MEMORY_MB = 50
CPU_PART = 20


@dataclass
class Figures:
    """What one side was seen to do."""

    taken_s: float | None  # None: not all were taken
    pss_mb: float
    worker_ms: float
    redis_ms: float
    deliveries: int
    again: int  # of these, not the first of their message


class Ours(CeleriacWorker):
    """Deliveries are what its metrics call received."""

    def __init__(self, session: Session):
        self.address = f"127.0.0.1:{ports.claim()}"
        super().__init__(session, "ours", 2, ("-A", program("app/tasks.so", "tests"), "--http", self.address,
                                              "-l", "warning"), {"CELERY_BROKER_TRANSPORT_OPTIONS": OPTIONS})

    def ready(self) -> bool:
        return True

    def deliveries(self) -> tuple[int, int]:
        """All that were taken are many more than there are: these came again."""
        try:
            with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=10) as reply:
                found = re.findall(r"^celery_task_received_total\{[^}]*\} (\d+)", reply.read().decode(), re.M)
        except OSError:
            found = []
        count = sum(map(int, found))
        return count, max(0, count - COUNT)


class Celerys(Server):
    """A Python worker with the application of eta_app.py, and nothing that it could do without."""

    def __init__(self, session: Session):
        super().__init__(session, "celery")
        self._file = session.folder("deliveries") / "count"

    def prepare(self) -> None:
        venvs.ensure("newest")

    def env(self) -> dict[str, str]:
        return {**peer_env(self.session), "CELERY_BROKER_TRANSPORT_OPTIONS": OPTIONS, "DELIVERIES": str(self._file)}

    def cwd(self) -> str:
        return str(ROOT)

    def command(self) -> list[str]:
        return [str(venvs.python("newest")), "-m", "celery", "-A", "bench.eta_app", "worker", "-l", "warning", "-c", "2",
                "-P", "prefork", "--without-gossip", "--without-mingle"]

    def ready(self) -> bool:
        return True

    def deliveries(self) -> tuple[int, int]:
        ids = self._file.read_text().split() if self._file.exists() else []
        return len(ids), len(ids) - len(set(ids))


def fill(redis: Redis) -> None:
    """The queue, with messages as Celery publishes them."""
    eta = (datetime.now(timezone.utc) + timedelta(hours=1)).isoformat()
    with redis.client() as client:
        client.call("FLUSHALL")
        for _ in range(COUNT // 1000):
            messages = (noop_message(TASK).replace('"eta": null', f'"eta": "{eta}"') for _ in range(1000))
            client.call("LPUSH", QUEUE, *messages)


def measure(redis: Redis, worker) -> Figures:
    """Lets a worker take all messages, then watches it."""
    fill(redis)
    began = time.monotonic()
    worker.start()
    taken = None
    while taken is None and time.monotonic() - began < TAKING_S:
        time.sleep(0.5)
        count, again = worker.deliveries()
        if count - again >= COUNT:
            taken = time.monotonic() - began
    started, spent = time.monotonic(), (cpu(worker.pid), cpu(redis.pid))
    time.sleep(WATCHED_S)
    used = [1000 * (late - early) / (time.monotonic() - started)
            for early, late in zip(spent, (cpu(worker.pid), cpu(redis.pid)))]
    figures = Figures(taken, pss(worker.pid) / 1e6, *used, *worker.deliveries())
    worker.kill()
    return figures


def show(name: str, figures: Figures) -> str:
    """One row; returns the same for the report."""
    taken = "not all" if figures.taken_s is None else f"{figures.taken_s:.1f}"
    print(f"  {name:10}{taken:>10}{figures.pss_mb:>10.1f}{figures.worker_ms:>17.1f}{figures.redis_ms:>16.1f}"
          f"{figures.deliveries:>13}{figures.again:>18}", flush=True)
    return (f"{figures.deliveries} deliveries, {figures.pss_mb:.1f} MB, {figures.worker_ms:.1f} ms of CPU a second in the worker and {figures.redis_ms:.1f} in Redis, "
            f"{figures.again} delivered again")


def main() -> int:
    """Both sides, one after the other, on the same Redis."""
    report = Report("eta")
    with Session("eta") as session:
        redis = Redis(session).start()
        print(f"{COUNT} messages with an eta in an hour, visibility_timeout 10 s\n  {'':10}{'taken s':>10}{'PSS MB':>10}"
              f"{'worker CPU-ms/s':>17}{'Redis CPU-ms/s':>16}{'deliveries':>13}{'delivered again':>18}", flush=True)
        ours = measure(redis, Ours(session))
        mine = show("celeriac", ours)
        theirs = measure(redis, Celerys(session))
        other = f"; Celery {show('celery', theirs)}"
    report.case("all are taken", ours.taken_s is not None, mine + other)
    report.case("none is delivered twice", ours.again == 0, mine + other)
    report.case(f"memory below {MEMORY_MB} MB", ours.pss_mb < MEMORY_MB, mine + other)
    report.case(f"CPU below a {CPU_PART}th of Celery's", ours.worker_ms * CPU_PART < theirs.worker_ms, mine + other)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
