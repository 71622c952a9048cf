"""celeriac-api and the Django oracle, side by side: whatever a client sends, both say the same.

python3 -m interop.rest [--seed N] [--count N] [--django NAME,NAME]    report: build/report/rest.tsv

Django 5.2, Django 4.2 and ours each have a database with the same rows. All of them get the golden requests,
those that bring about each documented difference, and COUNT generated ones, in the same order. Status, headers and
document must agree but for ids, times and keys; a difference has to be one of interop/rest_differences.py.
"""

import argparse
import itertools
import sys
import threading
from dataclasses import dataclass, field, replace

from tests.services import CeleriacApi, DjangoApi, HttpServer, Postgres, Redis, Report, ServiceError, Session, ROOT, venvs

from . import rest_cases, rest_world
from .rest_differences import DIFFERENCES, Case, Difference, documented, explain
from .rest_generate import Generator
from .rest_normal import Normaliser, document, first_difference, headers
from .rest_wire import Answer, Client, Request

SEED = 4
COUNT = 2000
DJANGOS = {"newest": "Django 5.2", "django42": "Django 4.2"}
OURS = "celeriac-api"
# Hashes of one round and kept connections: neither shows in an answer.
QUICK = {"ORACLE_QUICK_KEYS": "1", "ORACLE_KEEP_CONNECTIONS": "1"}


@dataclass
class Side:
    """One service and what it has answered."""

    name: str
    api: HttpServer
    golden: dict[str, tuple[bool, str]] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    problem: Exception | None = None

    def run(self, postgres: Postgres, database: str, requests: list[Request]) -> None:
        """Everything this service is asked; what goes wrong is kept for the main thread."""
        try:
            self.api.start()
            rest_cases.run(self.api.port, lambda name, passed, detail: self.golden.update({name: (passed, detail)}))
            postgres.psql(rest_world.sql(), database)
            client = Client(self.api.port)
            for request in requests:
                answer = client.send(request, self.ids)
                if request.makes and answer.status in (201, 202):
                    self.ids[request.makes] = _made(answer)
                self.answers.append(answer)
        except Exception as problem:  # pylint: disable=broad-except
            self.problem = problem


def _made(answer: Answer) -> str:
    number = document(answer.body).get("id")
    return number if isinstance(number, str) else number.text


def make_sides(session: Session, postgres: Postgres, redis: Redis, chosen: list[str]) -> list[tuple[Side, str]]:
    """Each service with the name of its database, not started."""
    sides = []
    for number, name in enumerate([*chosen, OURS]):
        database = f"rest_{number}"
        postgres.create_database(database)
        extra = {"DB_NAME": database, "REDIS_URL": f"redis://127.0.0.1:{redis.port}/{number}"}
        api = CeleriacApi(session, extra=extra) if name == OURS else \
            DjangoApi(session, f"api-{name}", name, workers=1, threads=1, extra={**extra, **QUICK})
        sides.append((Side(DJANGOS.get(name, name), api), database))
    return sides


def ask_all(session: Session, chosen: list[str], requests: list[Request]) -> list[Side]:
    """Asks all services at the same time, each in its own pace; the last of them is ours."""
    redis = Redis(session).start()
    postgres = Postgres(session, fsync=False).start()
    sides = make_sides(session, postgres, redis, chosen)
    threads = [threading.Thread(target=side.run, args=(postgres, database, requests)) for side, database in sides]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for side, _ in sides:
        if side.problem:
            done = len(side.answers)
            at = requests[done].shown() if done < len(requests) and side.golden else "before the first request"
            raise ServiceError(f"{side.name}: {type(side.problem).__name__}: {side.problem}; at {at}")
    return [side for side, _ in sides]


def difference(case: Case) -> str:
    """In what the answers of a case differ first; empty when they agree."""
    if case.django.status != case.ours.status:
        return f"status: {case.django.status} there, {case.ours.status} here"
    there, here = headers(case.django), headers(case.ours)
    for name in sorted(there.keys() | here.keys()):
        if there.get(name) != here.get(name):
            return f"header {name}: {there.get(name)} there, {here.get(name)} here"
    if case.there is None and case.here is None:
        return "" if case.django.body == case.ours.body else f"body: {case.django.body[:200]!r} there, {case.ours.body[:200]!r} here"
    return first_difference(case.there, case.here)


def judge(report: Report, requests: list[Request], djangos: list[Side], ours: Side) -> dict[tuple[str, str], int]:
    """Compares each answer of ours with those of the Djangos; returns how often each difference was seen by each."""
    normal = {side.name: Normaliser(side.ids) for side in (*djangos, ours)}
    seen: dict[tuple[str, str], int] = {}
    for at, request in enumerate(requests):
        mine = ours.answers[at]
        here = normal[ours.name].body(request, mine)
        problems, notes = [], set()
        for side in djangos:
            case = Case(request, side.answers[at], mine, normal[side.name].body(request, side.answers[at]), here)
            problem = difference(case)
            row = explain(case) if problem or side.answers[at].moved_from else None
            if row and row.only in ("", side.name):
                seen[row.there, side.name] = seen.get((row.there, side.name), 0) + 1
                notes.add(row.there)
            elif problem:
                problems.append(f"{side.name}: {problem}")
        report.case(request.name, not problems, "; ".join(problems) or "; ".join((str(mine.status), *sorted(notes))))
        if problems:
            print(f"      {request.shown()}")
            for side in (*djangos, ours):
                print(f"      {side.name}: {side.answers[at].status} {headers(side.answers[at])} {side.answers[at].body[:600]!r}")
    return seen


def judge_golden(report: Report, side: Side) -> None:
    """The recorded requests: all answers are those of the record but the documented ones of ours."""
    for name in rest_cases.names():
        passed, detail = side.golden.get(name, (False, "did not run"))
        if side.name == OURS and name in rest_cases.DELIBERATE:
            report.case(f"golden {side.name}: {name}", not passed, f"documented: {detail}")
        else:
            report.case(f"golden {side.name}: {name}", passed, detail)


def judge_table(report: Report, seen: dict[tuple[str, str], int], djangos: list[Side]) -> None:
    """The table in the code is that of the documents, and each row is still true."""
    told = documented((ROOT / "docs" / "rest.md").read_text(encoding="utf-8"))
    known = [(row.there, row.why) for row in DIFFERENCES]
    odd = [cell for cell in told if cell not in known] + [cell for cell in known if cell not in told]
    report.case(TABLE, not odd, odd[0] if odd else f"{len(told)} rows")
    for row in DIFFERENCES:
        counts = {side.name: seen.get((row.there, side.name), 0) for side in djangos if row.only in ("", side.name)}
        report.case(_still(row), bool(row.seen_by) or all(counts.values()), f"seen by {row.seen_by}" if row.seen_by else counts)


TABLE = "documented differences are those of the table"


def _still(row: Difference) -> str:
    return f"still differs: {row.there}"


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=SEED, help="of the generated requests")
    parser.add_argument("--count", type=int, default=COUNT, help="how many to generate")
    parser.add_argument("--django", default=",".join(DJANGOS), help=f"any of {', '.join(DJANGOS)}")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}, count {chosen.count}", flush=True)
    names = chosen.django.split(",")
    venvs.ensure(*{"newest", *names})
    known = itertools.chain.from_iterable(row.requests for row in DIFFERENCES)
    requests = [*(replace(request, name=f"difference {number:02d}, {request.name}") for number, request in enumerate(known, 1)),
                *Generator(chosen.seed).make(chosen.count)]
    expected = [*(f"golden {side}: {name}" for side in (*(DJANGOS[name] for name in names), OURS) for name in rest_cases.names()),
                *(request.name for request in requests), TABLE, *map(_still, DIFFERENCES)]
    report = Report("rest", expected)
    try:
        with Session("rest-parity") as session:
            *djangos, ours = ask_all(session, names, requests)
            for side in (*djangos, ours):
                judge_golden(report, side)
            judge_table(report, judge(report, requests, djangos, ours), djangos)
    except (ServiceError, OSError) as problem:
        print(f"broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
