"""Ours and Celery's side by side: python3 -m bench.bench [--quick]   report: build/report/bench.tsv

The same work on the same Redis, PostgreSQL and SMTP sink, in turn. A case passes when the fastest
of ours is ahead of every Celery pool in that column; and, for the tasks per second, when it reaches
half of what the narrowest server allows by itself, or else leaves no core (to Redis, its one core)
for more: then the line says who takes the rest. Ours with -P prefork is measured beside its own threads, and has to be ahead
of Celery's prefork with the same -c in every column. --quick does less of each, to see that it works; figures to quote come from a
run without it.
"""

import argparse
import os
import sys

from tests.services import Report, Session, venvs

from .limits import postgres_limit, redis_limit, smtp_limit
from .workloads import OURS, OURS_PREFORK, OURS_SLOW, PYTHON_NOOP, PYTHON_SEND, SLOW_MS, Bench

# Column, whether more is better, its heading.
COLUMNS = (("tasks_per_s", True, "tasks/s"), ("worker_cpu_ms", False, "worker CPU-ms"),
           ("redis_cpu_ms", False, "Redis CPU-ms"), ("postgres_cpu_ms", False, "PG CPU-ms"),
           ("pss_mb", False, "PSS MB"), ("first_ms", False, "first ms"))
# MAIL, RCPT, DATA and the end of the mail: what a mail on a kept connection waits for, one after the other.
SMTP_TURNS = 4
# Share of the machine's cores from which it counts as busy: the measuring itself needs the rest.
BUSY = 0.8


def print_table(name: str, rows) -> None:
    """One workload's rows."""
    print(f"\n{name}\n  {'':24}" + "".join(f"{heading:>15}" for _, _, heading in COLUMNS), flush=True)
    for side, figures in rows:
        cells = "".join(f"{'-' if getattr(figures, column) is None else format(getattr(figures, column), '.3g' if getattr(figures, column) < 100 else '.0f'):>15}"
                        for column, _, _ in COLUMNS)
        print(f"  {side.name:24}{cells}", flush=True)


def fastest(rows):
    """The side of ours with the most tasks per second, and its figures."""
    return max((row for row in rows if row[0].ours), key=lambda row: row[1].tasks_per_s)


def judge(report: Report, name: str, rows) -> None:
    """The fastest of ours against the best that any pool of Celery's reaches in each column."""
    side, figures = fastest(rows)
    for column, more, heading in COLUMNS:
        mine = getattr(figures, column)
        theirs = [getattr(other, column) for pool, other in rows if not pool.ours]
        if mine is None:
            continue
        best = max(theirs) if more else min(theirs)
        ratio = mine / best if more else best / max(mine, 1e-6)
        report.case(f"{name}: {heading}", ratio > 1, f"{side.name} {mine:.4g}, best of Celery {best:.4g}, ratio {ratio:.1f}")


def judge_prefork(report: Report, name: str, rows) -> None:
    """Each of ours with child processes against Celery's with as many."""
    for side, figures in rows:
        theirs = [other for pool, other in rows if pool.pool == "prefork" and pool.concurrency == side.concurrency]
        if not side.children or not theirs:
            continue
        ratios = {}
        for column, more, heading in COLUMNS:
            mine, other = getattr(figures, column), getattr(theirs[0], column)
            if mine is not None:
                ratios[heading] = mine / other if more else other / max(mine, 1e-6)
        report.case(f"{name}: {side.name}", min(ratios.values()) > 1,
                    "Celery's prefork beside it: " + ", ".join(f"{heading} {ratio:.1f}" for heading, ratio in ratios.items()))


def judge_limit(report: Report, name: str, rows, limit: tuple[str, float, float]) -> None:
    """The fastest of ours against what the machine allows, and where its time goes."""
    side, figures = fastest(rows)
    server, rate, spent = limit
    share = figures.tasks_per_s / rate
    cores = os.cpu_count() or 1
    busy = {who: figures.tasks_per_s * each / 1000 for who, each in figures.cpu_ms.items()}
    # Redis has one core at most, however many there are.
    full = busy["Redis"] >= BUSY or sum(busy.values()) >= BUSY * cores
    rest = ", ".join(f"{who} {used:.2f}" for who, used in busy.items())
    report.case(f"{name}: half of the limit, or no core left for more", share >= 0.5 or full,
                f"{side.name} {figures.tasks_per_s:.0f}/s is {share:.0%} of the {rate:.0f}/s of {server}, at {spent:.4f} CPU-ms; "
                f"ours kept {sum(busy.values()):.2f} of {cores} cores at work ({rest})")


def measure_limits(bench: Bench, noops: int, mails: int) -> dict[str, tuple[str, float, float]]:
    """What the servers allow by themselves; prints it and returns the narrowest for each kind of work."""
    found = {"Redis, claiming and acknowledging 64 at a time": redis_limit(bench, noops),
             "PostgreSQL, both updates row by row": postgres_limit(bench, mails, 1),
             "PostgreSQL, both updates, 100 in a transaction": postgres_limit(bench, mails, 100),
             "SMTP on 8 kept connections": smtp_limit(bench, mails * 10)}
    print("\nWhat the machine allows")
    for name, (rate, spent) in found.items():
        print(f"  {name:50}{rate:10.0f}/s{spent:10.4f} CPU-ms each", flush=True)
    limits = [(name, rate, spent) for name, (rate, spent) in found.items()]
    slow = OURS_SLOW[-1].concurrency * 1000 / (SMTP_TURNS * SLOW_MS)
    narrow = min(limits[0], *limits[2:], key=lambda limit: limit[1])
    waiting = (f"{OURS_SLOW[-1].concurrency} connections that wait", slow, 0.0)
    return {"noop": limits[0], "send": narrow, "slow": min(narrow, waiting, key=lambda limit: limit[1])}


def main() -> int:
    """Runs everything."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    # The slow server's mails take many at a time: with fewer than connections nothing is measured.
    mails, slow = (500, 500) if quick else (2000, 500)
    # Ours do 20,000 in half a second: with fewer the start of the work is all that is measured.
    noops = 20000
    theirs_do = 5000 if quick else noops
    few = (lambda sides: sides[-2:]) if quick else (lambda sides: sides)
    children = OURS_PREFORK[-1:] if quick else OURS_PREFORK
    venvs.ensure("newest")
    report = Report("bench")
    with Session("bench") as session:
        bench = Bench(session)
        limits = measure_limits(bench, noops, mails)
        work = [
            (f"{noops} no-op tasks with results", "noop", few(OURS) + children, PYTHON_NOOP,
             lambda side: bench.noop(side, noops if side.ours else theirs_do, True)),
            (f"{noops} no-op tasks without results", "noop", few(OURS) + children, PYTHON_NOOP,
             lambda side: bench.noop(side, noops if side.ours else theirs_do, False)),
            (f"{mails} notifications, instant SMTP", "send", few(OURS), PYTHON_SEND,
             lambda side: bench.send(side, mails, False)),
            (f"{slow} notifications, SMTP with {SLOW_MS} ms a command", "slow", few(OURS_SLOW), PYTHON_SEND,
             lambda side: bench.send(side, slow, True)),
        ]
        for name, kind, ours, theirs, run in work:
            rows = [(side, run(side)) for side in ours + few(theirs)]
            print_table(name, rows)
            judge(report, name, rows)
            judge_prefork(report, name, rows)
            judge_limit(report, name, rows, limits[kind])
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
