"""Proves that the oracle is what the deployments are: schema, REST answers, mails.

python3 -m interop.check_oracle [--venv NAME]     report: build/report/oracle.tsv
"""

import argparse
import sys

from tests.services import DjangoApi, Postgres, Redis, Report, Session, SmtpSink, manage, schema, venvs

from . import rest_cases


def main() -> int:
    """Runs all checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default="newest", help="environment of interop/venvs.sh")
    venv = parser.parse_args().venv
    venvs.ensure(venv)
    report = Report("oracle" if venv == "newest" else f"oracle-{venv}",
                    ["schema", "migrations", *(f"rest {name}" for name in rest_cases.names())])
    with Session("oracle") as session:
        Redis(session).start()
        postgres = Postgres(session, fsync=False).start()
        SmtpSink(session).start()
        api = DjangoApi(session, venv=venv).start()
        problems = schema.differences(postgres.variables())
        report.case("schema", not problems, "; ".join(problems))
        pending = manage(session, "makemigrations", "--check", "--dry-run", venv=venv, check=False)
        report.case("migrations", "No changes detected" in pending, pending)
        rest_cases.run(api.port, lambda name, passed, detail: report.case(f"rest {name}", passed, detail))
        return report.close()


if __name__ == "__main__":
    sys.exit(main())
