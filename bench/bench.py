"""Ours and Celery's side by side: python3 -m bench.bench [--quick]   report: build/report/bench.tsv

The same work on the same Redis, PostgreSQL and SMTP sink, in turn. A case passes when the best of
ours is ahead of every Celery pool in that column. --quick does less of each, to see that it works;
figures to quote come from a run without it.
"""

import argparse
import sys

from tests.services import Report, Session, venvs

from .limits import postgres_limit, redis_limit, smtp_limit
from .workloads import OURS, OURS_SLOW, PYTHON_NOOP, PYTHON_SEND, Bench

# Column, whether more is better, its heading.
COLUMNS = (("tasks_per_s", True, "tasks/s"), ("worker_cpu_ms", False, "worker CPU-ms"),
           ("redis_cpu_ms", False, "Redis CPU-ms"), ("postgres_cpu_ms", False, "PG CPU-ms"),
           ("pss_mb", False, "PSS MB"), ("first_ms", False, "first ms"))


def print_table(name: str, rows) -> None:
    """One workload's rows."""
    print(f"\n{name}\n  {'':24}" + "".join(f"{heading:>15}" for _, _, heading in COLUMNS), flush=True)
    for side, figures in rows:
        cells = "".join(f"{'-' if getattr(figures, column) is None else format(getattr(figures, column), '.3g' if getattr(figures, column) < 100 else '.0f'):>15}"
                        for column, _, _ in COLUMNS)
        print(f"  {side.name:24}{cells}", flush=True)


def judge(report: Report, name: str, rows) -> None:
    """The best of ours against the best of Celery's, column by column."""
    for column, more, heading in COLUMNS:
        best = max if more else min
        ours = [getattr(figures, column) for side, figures in rows if side.ours]
        theirs = [getattr(figures, column) for side, figures in rows if not side.ours]
        if None in ours + theirs:
            continue
        mine, other = best(ours), best(theirs)
        ratio = mine / other if more else other / max(mine, 1e-6)
        report.case(f"{name}: {heading}", ratio > 1, f"ours {mine:.4g}, best of Celery {other:.4g}, ratio {ratio:.1f}")


def main() -> int:
    """Runs everything."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    noops, mails, slow = (2000, 200, 60) if quick else (20000, 2000, 500)
    few = (lambda sides: sides[:1] + sides[-1:]) if quick else (lambda sides: sides)
    venvs.ensure("newest")
    report = Report("bench")
    with Session("bench") as session:
        bench = Bench(session)
        work = [
            (f"{noops} no-op tasks with results", OURS, PYTHON_NOOP, lambda side: bench.noop(side, noops, True)),
            (f"{noops} no-op tasks without results", OURS, PYTHON_NOOP, lambda side: bench.noop(side, noops, False)),
            (f"{mails} notifications, instant SMTP", OURS, PYTHON_SEND, lambda side: bench.send(side, mails, False)),
            (f"{slow} notifications, SMTP with 50 ms a command", OURS_SLOW, PYTHON_SEND,
             lambda side: bench.send(side, slow, True)),
        ]
        best = {}
        for name, ours, theirs, run in work:
            rows = [(side, run(side)) for side in few(ours) + few(theirs)]
            print_table(name, rows)
            judge(report, name, rows)
            best[name] = max(figures.tasks_per_s for side, figures in rows if side.ours)
        print("\nWhat the machine allows")
        for name, (rate, spent) in {
                "Redis, claim and acknowledge 64 at a time": redis_limit(bench, noops),
                "PostgreSQL, both updates row by row": postgres_limit(bench, mails, 1),
                "PostgreSQL, both updates, 100 in a transaction": postgres_limit(bench, mails, 100),
                "SMTP on 8 kept connections": smtp_limit(bench, mails * 10)}.items():
            print(f"  {name:50}{rate:10.0f}/s{spent:10.4f} CPU-ms each", flush=True)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
