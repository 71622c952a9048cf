"""Proves that the oracle is what the deployments are: schema, REST answers, mails.

python3 -m interop.check_oracle [--venv NAME]     report: build/report/oracle.tsv

Beside that: with ORACLE_KEEP_CONNECTIONS a worker opens as many connections as it has processes,
and without it one for each notification, as measurements of both rely on.
"""

import argparse
import re
import sys

from tests.services import (ROOT, CeleryWorker, DjangoApi, Postgres, Redis, Report, Session, SmtpServer, SmtpSink,
                            manage, schema, venvs, wait_until)

from . import rest_cases, stage

RECORDED_MAILS = ROOT / "tests" / "data" / "rest" / "mails.txt"
# The requests behind the recorded mails, in their order.
MAILS = (
    {"subject": "Hello!", "body": "Hi {{ name }}", "data": {"name": "John"}},
    {"subject": "Hello {{ name }}", "body": "Hi {{ name }},\nwelcome.\n.dot line", "data": {"name": "John"}},
    {"subject": "Grüße {{ n }} — a fairly long subject line that has to be folded somewhere, ok?",
     "body": "Grüße {{ n }}\nЖ {% for k, v in d.items() %}{{ k }}:{{ v }} {% endfor %}",
     "data": {"n": "Jürgen", "d": {"1": "a", "2": "b"}}},
)
VOLATILE = (("Date: [^\r\n]*", "Date: D"), ("Message-ID: [^\r\n]*", "Message-ID: M"))
MAIL_S = 30.0
KEPT_COUNT = 40
CONCURRENCY = 2


def recorded_mails() -> list[tuple[str, str]]:
    """The recorded mails, each as its envelope and its text."""
    parts = re.split(r"^=== MAIL FROM (.*)\n", RECORDED_MAILS.read_text(), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2]))


def plain(text: str) -> str:
    """A mail's text without what differs from mail to mail."""
    text = text.replace("\r\n", "\n").rstrip("\n")
    for pattern, word in VOLATILE:
        text = re.sub(pattern, word, text, count=1)
    return text


def check_mails(session: Session, report: Report, api: DjangoApi, venv: str) -> None:
    """Sends the recorded mails again and compares envelope and text."""
    smtp = SmtpServer(session).start()
    worker = CeleryWorker(session, venv=venv).start()
    _, key = api.register("Mails", "mails@tenant.example")
    for number, (wish, (envelope, text)) in enumerate(zip(MAILS, recorded_mails(), strict=True), 1):
        api.request("POST", "/v1/notify/", {"channel": "email", "to": "user@example.com", **wish}, key)
        wait_until(lambda wanted=number: smtp.count >= wanted, MAIL_S, f"mail {number}")
        mail = smtp.mails()[-1]
        same_text = plain(mail.data.decode()) == plain(text)
        found = f"{mail.sender} RCPT TO {', '.join(mail.to)}"
        report.case(f"mail {number}", same_text and envelope.startswith(f"{found} options"),
                    "" if same_text else f"{plain(mail.data.decode())!r} is not {plain(text)!r}")
    worker.stop()


def check_kept(session: Session, report: Report, postgres: Postgres, venv: str) -> None:
    """Counts the connections of a worker as shipped, and of one that keeps them."""
    for name, extra, lowest, highest in (("as shipped", {}, KEPT_COUNT, KEPT_COUNT),
                                         ("kept", {"ORACLE_KEEP_CONNECTIONS": "1"}, 1, CONCURRENCY)):
        sink = SmtpSink(session).start()
        stage.python_json(session, "in_django/fill.py", {"count": KEPT_COUNT})
        before = _sessions(postgres)
        worker = CeleryWorker(session, venv=venv, concurrency=CONCURRENCY, extra=extra).start()
        probes = sink.counter("connections")
        wait_until(lambda counted=sink: counted.count >= KEPT_COUNT, MAIL_S, "the mails")
        worker.stop()
        smtp, database = sink.counter("connections") - probes, _sessions(postgres) - before
        report.case(f"connections {name}", lowest <= smtp <= highest and lowest <= database <= highest,
                    f"{smtp} to SMTP, {database} to PostgreSQL for {KEPT_COUNT} notifications")


def _sessions(postgres: Postgres) -> int:
    return int(postgres.admin(f"SELECT sessions FROM pg_stat_database WHERE datname = '{postgres.database}'",
                              database="postgres"))


def main() -> int:
    """Runs all checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default="newest", help="environment of interop/venvs.sh")
    venv = parser.parse_args().venv
    venvs.ensure("newest", venv)
    report = Report("oracle" if venv == "newest" else f"oracle-{venv}",
                    ["schema", "migrations", *(f"rest {name}" for name in rest_cases.names()),
                     *(f"mail {number}" for number in range(1, len(MAILS) + 1)), "connections as shipped",
                     "connections kept"])
    with Session("oracle") as session:
        redis = Redis(session).start()
        postgres = Postgres(session, fsync=False).start()
        SmtpSink(session).start()
        api = DjangoApi(session, venv=venv).start()
        problems = schema.differences(postgres.variables())
        report.case("schema", not problems, "; ".join(problems))
        pending = manage(session, "makemigrations", "--check", "--dry-run", venv=venv, check=False)
        report.case("migrations", "No changes detected" in pending, pending)
        rest_cases.run(api.port, lambda name, passed, detail: report.case(f"rest {name}", passed, detail))
        redis.call("FLUSHALL")  # what the cases queued
        check_mails(session, report, api, venv)
        check_kept(session, report, postgres, venv)
        return report.close()


if __name__ == "__main__":
    sys.exit(main())
