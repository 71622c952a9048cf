"""Who can work with whom: producer x fleet of workers x outcome, each cell run for real.

python3 -m interop.interop [--producers A,B] [--fleets A,B,...] [--relays A+B,...]
report: build/report/interop.tsv

One Redis, one PostgreSQL, one SMTP server and the APIs. For each cell's fleet the queue is filled by
the producer while no worker runs; then the fleet is started and everything is judged: the row, the
dead letter, the mail, the attempts that the SMTP server saw, the result as Python reads it, and at
last that queue, unacked and unacked_index are empty and the workers end with code 0.
"""

import argparse
import sys
import uuid

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpServer, wait_until

from . import stage, tables
from .cells import OUTCOMES, Cells
from .stage import FLEETS, Broker, Rows

STATES = ("pending", "success", "retry", "failure", "revoked")
END_S = 60.0  # three retries take at most 1 + 2 + 4 s
SLOW_MS = 700  # each SMTP reply in a relay: time to stop a worker in the middle of an attempt
PRODUCERS = "django,celeriac"
FLEET_NAMES = "celeriac,newest,celery53,celery52,mixed"
RELAYS = "celeriac+newest,newest+celeriac,celeriac+celery52"


class Interop:
    """All runs on one set of servers."""

    def __init__(self, session: Session, report: Report):
        self.session = session
        self.report = report
        self.redis = Redis(session).start()
        self.postgres = Postgres(session, fsync=False).start()
        self.smtp = SmtpServer(session).start()
        self.broker = Broker(self.redis)
        self.rows = Rows(self.postgres)

    def matrix(self, producer: str, fleets: list[str]) -> None:
        """One producer with each of the fleets."""
        with_api = stage.start_api(self.session, producer)
        tenant, key = with_api.register(f"Matrix {producer}", f"{producer}@tenant.example")
        cells = Cells(self.session, self.broker, self.rows, self.smtp, with_api, key, producer)
        for fleet in fleets:
            self.guarded(f"{producer} > {fleet}", self.one_fleet, cells, tenant, fleet)
        with_api.stop()

    def guarded(self, name: str, run, *arguments) -> None:
        """Runs one part; if it breaks off, its undecided cases fail and the others go on."""
        try:
            run(*arguments)
        except (ServiceError, OSError, LookupError) as problem:
            print(f"{name} broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
            self.session.print_logs(15)
        for server in self.session.servers:
            if isinstance(server, (stage.CeleryWorker, stage.CeleriacWorker)):
                server.kill()

    def one_fleet(self, cells: Cells, tenant: str, fleet: str) -> None:
        """All outcomes, and (beside them) all states of a result."""
        name = f"{cells.producer} > {fleet}"
        self.redis.call("FLUSHALL")
        made = cells.produce()
        workers = stage.start_fleet(self.session, fleet)
        self.states(name, tenant)
        try:
            wait_until(self.broker.empty, END_S, "the queue to become empty")
        except ServiceError as problem:
            print(f"{name}: {problem}", file=sys.stderr)
        cells.judge_all(self.report, name, made)
        left = self.broker.leftovers()
        self.report.case(f"{name}: nothing left over", not any(left.values()), left)
        self.report.case(f"{name}: workers end well", not any(_stop(workers)),
                         [worker.exit_code for worker in workers])

    def states(self, name: str, tenant: str) -> None:
        """A result in each state, read by Python."""
        answers = stage.python_json(self.session, "in_django/states.py", {"tenant": tenant})
        for state in STATES:
            passed, detail = answers.get(state, (False, "no answer"))
            self.report.case(f"{name}: state {state}", passed, detail)

    def relay(self, first: str, second: str) -> None:
        """One task whose four attempts are made by FIRST, SECOND, FIRST and SECOND.

        The SMTP server is slow, so each worker can be told to end while its attempt goes on: it
        takes no further message, finishes, and leaves the retry for the other.
        """
        name = f"relay {first}+{second}"
        self.redis.call("FLUSHALL")
        number, tenant = str(uuid.uuid4()), str(uuid.uuid4())
        to = f"fail-3-{number[:8]}@example.com"
        self.rows.execute(f"""
            INSERT INTO business_tenants VALUES ('{tenant}', 'Relay', '{tenant[:8]}@relay.example', true, now(), now());
            INSERT INTO notifications VALUES ('{number}', 'email', '{to}',
                '{{"template_data": {{}}, "inline_subject": "s", "inline_body": "b"}}', 'pending', '{{}}', NULL,
                now(), now(), NULL, '{tenant}', NULL)""")
        task = stage.python_json(self.session, "in_django/send.py", [{"id": number}])[0]
        self.smtp.delay(SLOW_MS)
        seen = []
        try:
            for turn, kind in enumerate((first, second, first, second)):
                before = self.rows.notification(number)["updated_at"]
                worker = stage.make_worker(self.session, kind, concurrency=1).start()
                wait_until(lambda: self.rows.notification(number)["updated_at"] != before, END_S,
                           f"attempt {turn + 1} to begin")
                code = worker.stop()
                waiting = self.broker.queued()
                seen.append((kind, code, [(message.id == task, message.retries) for message in waiting]))
        finally:
            self.smtp.delay(0)
        wanted = [(kind, 0, [(True, turn + 1)] if turn < 3 else [])
                  for turn, kind in enumerate((first, second, first, second))]
        row, mails = self.rows.notification(number), [m for m in self.smtp.mails() if to in m.to]
        result = stage.python_json(self.session, "in_django/results.py", [task])[0]
        end = (row["status"], row["retry_count"], len(mails), result["state"])
        self.report.case(name, seen == wanted and end == ("sent", None, 1, "SUCCESS") and self.broker.empty(),
                         f"{seen} {end}")


def _stop(workers) -> list[int]:
    for worker in workers:
        worker.signal(worker.stop_signal)
    return [worker.wait_end() for worker in workers]


def _expected(producers: list[str], fleets: list[str], relays: list[str]) -> list[str]:
    words = [*OUTCOMES, "API shows it", *(f"state {state}" for state in STATES), "nothing left over",
             "workers end well"]
    return [f"{producer} > {fleet}: {word}" for producer in producers for fleet in fleets for word in words] \
        + [f"relay {pair}" for pair in relays]


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--producers", default=PRODUCERS)
    parser.add_argument("--fleets", default=FLEET_NAMES, help=f"any of {', '.join(FLEETS)}")
    parser.add_argument("--relays", default=RELAYS, help="pairs of workers that share one task's retries")
    chosen = parser.parse_args()
    producers, fleets, relays = (text.split(",") if text else [] for text in
                                 (chosen.producers, chosen.fleets, chosen.relays))
    kinds = {kind for fleet in fleets for kind in FLEETS[fleet]} | {kind for pair in relays for kind in pair.split("+")}
    ours = "celeriac" in kinds | set(producers)
    stage.ensure_python(kinds)
    report = Report("interop", _expected(producers, fleets, relays) + list(tables.CASES if ours else ()))
    with Session("interop", show_logs=False) as session:
        run = Interop(session, report)
        stage.migrate(session, ours)
        for producer in producers:
            run.guarded(producer, run.matrix, producer, fleets)
        for pair in relays:
            run.guarded(f"relay {pair}", run.relay, *pair.split("+"))
    if ours:
        tables.run(report)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
