"""A mixed fleet on one queue: nothing lost, nothing twice, and strays find their owner.

python3 -m interop.fleet [--workers A,B] [--count N] [--strays N]    report: build/report/fleet.tsv

Django queues COUNT notifications, and among them STRAYS messages of a task that only Python knows;
then one worker of each kind starts. Exactly one mail for each notification, every stray executed by
Python, queue, unacked and unacked_index empty.
"""

import argparse
import sys
import time
from collections import Counter

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpSink, wait_until

from . import stage
from .stage import Broker, Rows

PATIENCE_S = 900.0  # for 10,000 notifications by Python alone on a loaded machine
SETTLE_S = 30.0
CASES = ("one mail for each notification", "every row is sent", "strays executed by Python",
         "every kind of worker took part", "nothing left over", "workers end well")


def run(session: Session, report: Report, kinds: list[str], count: int, strays: int) -> None:
    """Fills, works, judges."""
    redis, postgres = Redis(session).start(), Postgres(session).start()
    sink = SmtpSink(session).start()
    broker, rows = Broker(redis), Rows(postgres)
    stage.migrate(session, "celeriac" in kinds)
    extra = {"ORACLE_TEST_TASKS": "1"}
    filled = stage.python_json(session, "in_django/fill.py", {"count": count, "python_only": strays},
                               extra=extra)
    print(f"queued {broker.queued_count()} messages", flush=True)
    began = time.monotonic()
    workers = [stage.make_worker(session, kind, extra=extra) for kind in kinds]
    # Ours would be through before a Python worker has started, and the fleet would not be mixed.
    for worker, _ in sorted(zip(workers, kinds), key=lambda pair: pair[1] == "celeriac"):
        worker.start()
    try:
        wait_until(broker.empty, PATIENCE_S, "the queue to become empty")
        # Python acknowledges a task when it begins, so an empty queue is not the end of the work.
        wait_until(lambda: set(rows.statuses()) <= {"sent", "failed"}, SETTLE_S, "the last rows", 0.3)
    except ServiceError as problem:
        print(problem, file=sys.stderr)
    took = time.monotonic() - began
    mails = Counter(mail.to for mail in sink.arrivals())
    wanted = {f"u{number}@example.com" for number in range(count)}
    report.case(CASES[0], set(mails) == wanted and sink.count == count,
                f"{sink.count} mails to {len(mails)} of {count} recipients in {took:.1f} s")
    report.case(CASES[1], rows.statuses() == {"sent": count}, rows.statuses())
    answer = stage.python_json(session, "in_django/strays.py", filled["python_only"], extra=extra)
    python = {worker.nodename for worker, kind in zip(workers, kinds) if kind != "celeriac"}
    report.case(CASES[2], answer["states"] == {"SUCCESS": strays} and set(answer["hostnames"]) <= python,
                answer)
    _judge_shares(report, rows, workers, kinds)
    left = broker.leftovers()
    report.case(CASES[4], not any(left.values()), left)
    for worker in workers:
        worker.signal(worker.stop_signal)
    report.case(CASES[5], not any([worker.wait_end() for worker in workers]),
                [worker.exit_code for worker in workers])


def _judge_shares(report: Report, rows: Rows, workers, kinds: list[str]) -> None:
    """Python workers say in their logs what they sent; ours is known by the backend it names."""
    shares = {worker.name: worker.log_text().count(f"Task {stage.TASK}[") // 2
              for worker, kind in zip(workers, kinds) if kind != "celeriac"}
    if "celeriac" in kinds:
        ours = rows.query("SELECT count(*) AS n FROM notifications WHERE status = 'sent' "
                          "AND provider_response->'raw'->>'backend' <> 'EmailBackend'")
        shares["celeriac"] = ours[0]["n"]
    report.case(CASES[3], all(shares.values()), shares)


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", default="celeriac,newest", help="kinds, one worker of each")
    parser.add_argument("--count", type=int, default=10000)
    parser.add_argument("--strays", type=int, default=1000)
    chosen = parser.parse_args()
    kinds = chosen.workers.split(",")
    stage.ensure_python(kinds)
    report = Report("fleet", CASES)
    try:
        with Session("fleet") as session:
            run(session, report, kinds, chosen.count, chosen.strays)
    except ServiceError as problem:
        print(f"broke off: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
