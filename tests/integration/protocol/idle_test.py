"""What a worker with 64 task threads takes while there is nothing to do: python3 -m tests.integration.protocol.idle_test

report: build/report/idle.tsv
"""

import sys
import time
import unittest
from pathlib import Path

from tests.services import CeleriacWorker, Postgres, Redis, Report, Session, ports
from tests.services.celeriac import migrate

SECONDS = 20  # of looking; a beat every two seconds is the rarest thing that it does
CONNECTIONS, PSS_KB = 6, 10 * 1024
WAKES = 20  # a second, of all threads: some 10, and more where others keep interrupting them


def spent(pid: int) -> tuple[int, int]:
    """Nanoseconds on a processor and how often, of all threads, from the scheduler's own account."""
    rows = [task.joinpath("schedstat").read_text().split() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(row[0]) for row in rows), sum(int(row[2]) for row in rows)


class IdleTest(unittest.TestCase):
    """celeriac-worker -c 64 with probes, as it would be deployed."""

    def test_idle_takes_little(self):
        report = Report("idle")
        with Session("idle", show_logs=False) as session:
            redis = Redis(session).start()
            Postgres(session, fsync=False).start()
            migrate(session)
            worker = CeleriacWorker(session, concurrency=64, options=("--http", f"127.0.0.1:{ports.claim()}")).start()
            time.sleep(2)  # what a start leaves to do
            before, began = spent(worker.pid), time.monotonic()
            time.sleep(SECONDS)
            took = time.monotonic() - began
            cpu_ms, wakes = ((after - earlier) / took for after, earlier in zip(spent(worker.pid), before))
            clients = [line for line in redis.call("CLIENT", "LIST").decode().splitlines() if "celeriac-" in line]
            pss = next(int(line.split()[1]) for line in Path(f"/proc/{worker.pid}/smaps_rollup").read_text().splitlines()
                       if line.startswith("Pss:"))
            threads = len(list(Path(f"/proc/{worker.pid}/task").iterdir()))
            report.case("threads are there", threads > 64, threads)
            report.case("Redis connections", 0 < len(clients) <= CONNECTIONS, f"{len(clients)} of {CONNECTIONS}")
            report.case("memory", pss < PSS_KB, f"{pss} kB PSS of {PSS_KB}")
            # What a wake costs depends on the machine and the moment: 40 to 80 microseconds were seen on one.
            report.case("processor", wakes < WAKES, f"{wakes:.0f} wakes a second of {WAKES}, {cpu_ms / 1e6:.2f} ms")
            self.assertEqual(worker.stop(), 0)
        self.assertEqual(report.close(), 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
