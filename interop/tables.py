"""The tables, made by either side first: ours on an empty database, Django accepting them and working
on them, and ours beside Django's; with the newest Django and the oldest.

python3 -m interop.tables    runs this alone
"""

import sys

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpSink, celeriac, manage, schema, venvs

VENVS = ("newest", "django42")
OURS = "tables: ours are as deployed"
CASES = (OURS, *(f"tables: {what} ({venv})" for venv in VENVS
                 for what in ("Django accepts ours", "Django works on ours", "ours beside Django's")))

# A row in every table, by their references, and all of them gone with their tenant.
ROWS = """
from tenants.models import BusinessTenant, ApiKey
from notifications.models import Template, Notification, DeadLetter
tenant = BusinessTenant.objects.create(name="Acme", email="a@acme.example")
key = ApiKey.objects.create(tenant=tenant, key_hash="hash", name="first")
template = Template.objects.create(tenant=tenant, name="hello", channel="sms", body="Hi", variables={"a": 1})
note = Notification.objects.create(tenant=tenant, template=template, channel="sms", to="+123456789")
letter = DeadLetter.objects.create(notification=note, reason="refused", retry_count=3)
seen = [key.id, template.id, DeadLetter.objects.get().notification.template.tenant.name]
Notification.objects.all().delete()
tenant.delete()
print("ROWS", seen, [m.objects.count() for m in (BusinessTenant, ApiKey, Template, Notification, DeadLetter)])
"""
ROWS_SAID = "ROWS [1, 1, 'Acme'] [0, 0, 0, 0, 0]"


def run(report: Report) -> None:
    """Both orders with each Django, each on a database of its own."""
    venvs.ensure(*VENVS)
    for venv in VENVS:
        try:
            _ours_first(report, venv)
            _django_first(report, venv)
        except ServiceError as problem:
            print(f"tables broke off: {problem}")


def _ours_first(report: Report, venv: str) -> None:
    with Session("tables", show_logs=False) as session:
        postgres = _services(session)
        celeriac.migrate(session)
        celeriac.migrate(session)  # a second run changes nothing
        if not report.decided(OURS):
            problems = schema.differences(postgres.variables())
            report.case(OURS, not problems, "; ".join(problems))
        said = manage(session, "migrate", "--fake-initial", "--no-input", venv=venv)
        problems = schema.differences(postgres.variables()) if said.count("FAKED") == 2 else [said]
        pending = manage(session, "makemigrations", "--check", "--dry-run", venv=venv, check=False)
        if "No changes" not in pending:
            problems.append(pending)
        report.case(f"tables: Django accepts ours ({venv})", not problems, "; ".join(problems))
        said = manage(session, "shell", "-c", ROWS, venv=venv)
        report.case(f"tables: Django works on ours ({venv})", ROWS_SAID in said, "" if ROWS_SAID in said else said)


def _django_first(report: Report, venv: str) -> None:
    with Session("tables", show_logs=False) as session:
        postgres = _services(session)
        manage(session, "migrate", "--no-input", venv=venv)
        celeriac.migrate(session)
        problems = schema.differences(postgres.variables())
        pending = manage(session, "makemigrations", "--check", "--dry-run", venv=venv, check=False)
        applied = manage(session, "migrate", "--fake-initial", "--no-input", venv=venv)
        rows = manage(session, "shell", "-c", ROWS, venv=venv)
        for words, said in (("No changes", pending), ("No migrations to apply", applied), (ROWS_SAID, rows)):
            if words not in said:
                problems.append(said)
        report.case(f"tables: ours beside Django's ({venv})", not problems, "; ".join(problems))


def _services(session: Session) -> Postgres:
    Redis(session).start()
    SmtpSink(session).start()
    return Postgres(session, fsync=False).start()


if __name__ == "__main__":
    REPORT = Report("tables", CASES)
    run(REPORT)
    sys.exit(REPORT.close())
