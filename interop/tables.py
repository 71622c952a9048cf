"""The tables, made by either side first: ours on an empty database, Django accepting them, and ours
beside Django's."""

from tests.services import Postgres, Redis, Report, ServiceError, Session, SmtpSink, celeriac, manage, schema

CASES = ("tables: ours are as deployed", "tables: Django accepts ours", "tables: ours beside Django's")


def run(report: Report) -> None:
    """Both orders, each on a database of its own."""
    try:
        with Session("tables", show_logs=False) as session:
            postgres = _services(session)
            celeriac.migrate(session)
            celeriac.migrate(session)  # a second run changes nothing
            problems = schema.differences(postgres.variables())
            report.case(CASES[0], not problems, "; ".join(problems))
            said = manage(session, "migrate", "--fake-initial", "--no-input")
            faked = said.count("FAKED") == 2
            problems = schema.differences(postgres.variables())
            report.case(CASES[1], faked and not problems, said if not faked else "; ".join(problems))
        with Session("tables", show_logs=False) as session:
            postgres = _services(session)
            manage(session, "migrate", "--no-input")
            celeriac.migrate(session)
            problems = schema.differences(postgres.variables())
            pending = manage(session, "makemigrations", "--check", "--dry-run", check=False)
            applied = manage(session, "migrate", "--no-input")
            report.case(CASES[2], not problems and "No changes" in pending and "No migrations to apply" in applied,
                        "; ".join(problems))
    except ServiceError as problem:
        print(f"tables broke off: {problem}")


def _services(session: Session) -> Postgres:
    Redis(session).start()
    SmtpSink(session).start()
    return Postgres(session, fsync=False).start()
