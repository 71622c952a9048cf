"""python3 -m tests.services up SERVICE[,OPTION...]... -- COMMAND [ARGUMENT...]

Starts the services, runs COMMAND with their addresses in its environment, stops them and exits
with COMMAND's code. When it fails, the ends of the servers' logs are shown.

services and their options (NAME or NAME=VALUE)
  redis      appendonly, password=TEXT, unix, tls       REDIS_URL, REDIS_UNIX_URL
  postgres   fsync=off, database=NAME, tls              DB_NAME DB_USER DB_PASSWORD DB_HOST DB_PORT,
                                                        PG_CONNINFO, PG_LOCAL_CONNINFO,
                                                        PG_ADMIN_CONNINFO,
                                                        PG_CA, PG_OTHER_CA (with tls)
  standby    (a replica of the postgres before it)      PG_STANDBY_PORT, PG_STANDBY_ADMIN_CONNINFO
  sink       delay_ms=N, keep, max_size=N               EMAIL_*, SINK_IDS, SINK_MAILS, SINK_COUNTERS
  smtp       delay_ms=N, tls, user=TEXT, password=TEXT, EMAIL_*, SMTP_STORE, SMTP_CONTROL,
             max_size=N                                 SSL_CERT_FILE (with tls)
In all: SERVICES_DIR, the temporary folder; SERVICES_CONTROL, a Unix socket by which COMMAND may
stop, kill, freeze, thaw and restart the servers (the lines it takes are in control.py). From a
script: python3 -m tests.services tell kill redis
"""

import os
import subprocess
import sys

from .authority import Authority
from .control import Control, tell
from .postgres import USER, Postgres, Standby
from .redis_server import Redis
from .session import ServiceError, Session
from .sink import SmtpSink
from .smtp_server import SmtpServer


def _redis(session: Session, options: dict[str, str]) -> Redis:
    server = Redis(session, appendonly="appendonly" in options, password=options.get("password"),
                   unix="unix" in options, tls="tls" in options)
    if server.socket_path:
        session.offer({"REDIS_UNIX_URL": server.unix_url()})
    return server


def _postgres(session: Session, options: dict[str, str]) -> Postgres:
    server = Postgres(session, fsync=options.get("fsync") != "off", tls="tls" in options,
                      **({"database": options["database"]} if "database" in options else {}))
    # Over the socket file nobody asks for a password, whose check takes longest of connecting.
    local = f"host={server.dir} port={server.port} dbname={server.database}"
    session.offer({"PG_CONNINFO": server.conninfo(), "PG_LOCAL_CONNINFO": f"{local} user={USER}",
                   "PG_ADMIN_CONNINFO": f"{local} user=admin"})
    if server.authority:
        other = Authority(session.folder("other-authority"))
        session.offer({"PG_CA": str(server.authority.ca), "PG_OTHER_CA": str(other.ca)})
    return server


def _standby(session: Session, _options: dict[str, str]) -> Standby:
    primary = next((server for server in session.servers if isinstance(server, Postgres)), None)
    if primary is None:
        raise ServiceError("a standby needs a postgres before it")
    server = Standby(session, primary)
    session.offer({"PG_STANDBY_PORT": str(server.port),
                   "PG_STANDBY_ADMIN_CONNINFO": f"host={server.dir} port={server.port} user=admin "
                                                f"dbname={server.database}"})
    return server


def _sink(session: Session, options: dict[str, str]) -> SmtpSink:
    server = SmtpSink(session, delay_ms=int(options.get("delay_ms", 0)), keep="keep" in options,
                      max_size=int(options.get("max_size", 32 << 20)))
    session.offer({"SINK_IDS": str(server.ids), "SINK_MAILS": str(server.kept or ""),
                   "SINK_COUNTERS": str(server.dir / "counters")})
    return server


def _smtp(session: Session, options: dict[str, str]) -> SmtpServer:
    login = (options["user"], options.get("password", "")) if "user" in options else None
    server = SmtpServer(session, delay_ms=int(options.get("delay_ms", 0)), tls="tls" in options,
                        login=login, max_size=int(options.get("max_size", 32 << 20)))
    session.offer({"SMTP_STORE": str(server.store), "SMTP_CONTROL": str(server.dir / "control.json")})
    return server


SERVICES = {
    "redis": (_redis, {"appendonly", "password", "unix", "tls"}),
    "postgres": (_postgres, {"fsync", "database", "tls"}),
    "standby": (_standby, set()),
    "sink": (_sink, {"delay_ms", "keep", "max_size"}),
    "smtp": (_smtp, {"delay_ms", "tls", "user", "password", "max_size"}),
}


def _usage(problem: str) -> int:
    print(f"{problem}\n\n{__doc__}", file=sys.stderr)
    return 2


def main(arguments: list[str]) -> int:
    """Runs the command line; returns the exit code."""
    if arguments[:1] == ["tell"] and "SERVICES_CONTROL" in os.environ:
        answer = tell(os.environ["SERVICES_CONTROL"], " ".join(arguments[1:]))
        print(answer)
        return 0 if answer == "ok" else 1
    if arguments[:1] != ["up"] or "--" not in arguments:
        return _usage("expected: up SERVICE... -- COMMAND...")
    border = arguments.index("--")
    wanted, command = arguments[1:border], arguments[border + 1:]
    if not wanted or not command:
        return _usage("expected at least one service, and a command after --")
    parsed = []
    for word in wanted:
        name, *rest = word.split(",")
        options = dict(item.partition("=")[::2] for item in rest)
        if name not in SERVICES:
            return _usage(f"unknown service: {name}")
        unknown = set(options) - SERVICES[name][1]
        if unknown:
            return _usage(f"{name} has no option {', '.join(sorted(unknown))}")
        parsed.append((name, options))
    with Session("up") as session:
        servers = {name: SERVICES[name][0](session, options).start() for name, options in parsed}
        control = Control(session.dir / "control", servers)
        session.offer({"SERVICES_DIR": str(session.dir), "SERVICES_CONTROL": str(session.dir / "control")})
        try:
            code = subprocess.run(command, env=session.environment(), check=False).returncode
        finally:
            control.close()
        if code != 0:
            session.print_logs()
        return code if code >= 0 else 128 - code


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except ServiceError as error:
        print(f"tests.services: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
