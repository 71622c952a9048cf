"""A private PostgreSQL cluster."""

import os
import pwd
import re
import shutil
import signal
import subprocess
from pathlib import Path

from . import ports
from .authority import Authority
from .server import Server
from .session import ServiceError, Session

DATABASE = "notification_service"
USER = "notification_user"
PASSWORD = "notif_pass"


def newest_bindir() -> Path:
    """The folder of the newest installed server's programs; CELERIAC_PG_BINDIR overrides."""
    if "CELERIAC_PG_BINDIR" in os.environ:
        return Path(os.environ["CELERIAC_PG_BINDIR"])
    found = [(int(path.parts[-2]), path) for path in Path("/usr/lib/postgresql").glob("*/bin")
             if re.fullmatch(r"\d+", path.parts[-2]) and (path / "initdb").exists()]
    if found:
        return max(found)[1]
    program = shutil.which("initdb")
    if program is None:
        raise ServiceError("PostgreSQL's server is not installed (package postgresql)")
    return Path(program).parent


class Postgres(Server):
    """A fresh cluster with the role and the empty database of a deployment; offers DB_*.

    The role is the owner of the database and no superuser, its password is checked (scram), as in
    a deployment. fsync: on by default, as measurements and crash tests want it honest; tests that
    only need the SQL may switch it off. config: further lines for postgresql.conf. tls: whoever
    comes by TCP must use TLS; the certificate is one of the session's own authority.
    When run by root the server runs as the user postgres (or nobody).
    """

    stop_signal = signal.SIGINT  # "fast": open sessions are cut off, the data are in order

    def __init__(self, session: Session, name: str = "postgres", fsync: bool = True,
                 database: str = DATABASE, config: tuple[str, ...] = (), tls: bool = False):
        super().__init__(session, name)
        self.port = ports.claim()
        self.database = database
        self.bindir = newest_bindir()
        self.data = self.dir / "data"
        self._fsync = fsync
        self._config = config
        self.authority = Authority(session.folder("postgres-authority")) if tls else None
        session.offer(self.variables())

    def variables(self) -> dict[str, str]:
        """The settings by which the service finds this database."""
        return {"DB_NAME": self.database, "DB_USER": USER, "DB_PASSWORD": PASSWORD,
                "DB_HOST": "127.0.0.1", "DB_PORT": str(self.port)}

    def conninfo(self) -> str:
        """The same as a libpq connection string."""
        return (f"host=127.0.0.1 port={self.port} dbname={self.database} "
                f"user={USER} password={PASSWORD}")

    def user(self) -> str | None:
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            try:
                return pwd.getpwnam(name).pw_name
            except KeyError:
                continue
        raise ServiceError("neither the user postgres nor nobody exists")

    def env(self) -> dict[str, str]:
        return {**self.session.environment(), "LC_ALL": "C.UTF-8", "TZ": "UTC"}

    def prepare(self) -> None:
        self.data.mkdir(mode=0o700)
        user = self.user()
        if user:
            record = pwd.getpwnam(user)
            os.chown(self.dir, record.pw_uid, record.pw_gid)
            os.chown(self.data, record.pw_uid, record.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "admin", "-E", "UTF8", "--locale=C.UTF-8",
                  "--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256")
        settings = ["listen_addresses = '127.0.0.1'", f"port = {self.port}",
                    f"unix_socket_directories = '{self.dir}'", "max_connections = 300",
                    f"fsync = {'on' if self._fsync else 'off'}", "timezone = 'UTC'",
                    "log_timezone = 'UTC'", *self._config]
        if self.authority:
            settings += self._use_tls(user)
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as config:
            config.write("\n".join(settings) + "\n")
        self._single(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'",
                     f"CREATE DATABASE {self.database} OWNER {USER}")

    def _use_tls(self, user: str | None) -> list[str]:
        """Lets nobody in by TCP without TLS; returns lines for postgresql.conf."""
        key = self.data / "server.key"  # the server wants a private key of its own
        shutil.copyfile(self.authority.key, key)
        key.chmod(0o600)
        if user:
            record = pwd.getpwnam(user)
            os.chown(key, record.pw_uid, record.pw_gid)
        rules = self.data / "pg_hba.conf"
        text = re.sub(r"(?m)^host\b", "hostssl", rules.read_text(encoding="utf-8"))
        rules.write_text(text, encoding="utf-8")
        return ["ssl = on", f"ssl_cert_file = '{self.authority.cert}'", f"ssl_key_file = '{key}'"]

    def command(self) -> list[str]:
        return [str(self.bindir / "postgres"), "-D", str(self.data)]

    def ready(self) -> bool:
        return subprocess.run(
            [str(self.bindir / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port),
             "-d", self.database, "-U", USER], check=False).returncode == 0

    def psql(self, sql: str, database: str | None = None) -> str:
        """Runs SQL as the service's role, each statement by itself; returns unaligned rows, columns parted by '|'."""
        return self._psql(sql, ["-h", "127.0.0.1", "-U", USER], database)

    def admin(self, sql: str, database: str | None = None) -> str:
        """Runs SQL as the cluster's superuser."""
        return self._psql(sql, ["-h", str(self.dir), "-U", "admin"], database)

    def create_database(self, name: str) -> None:
        """Creates one more database, owned by the service's role."""
        self.admin(f'CREATE DATABASE "{name}" OWNER {USER}')

    def _psql(self, sql: str, options: list[str], database: str | None) -> str:
        done = subprocess.run(
            [str(self.bindir / "psql"), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1",
             *options, "-p", str(self.port), "-d", database or self.database],
            input=sql, env={**os.environ, "PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ServiceError(f"psql: {done.stderr.strip()}")
        return done.stdout.rstrip("\n")

    def _run(self, program: str, *arguments, text: str | None = None) -> None:
        user = self.user()
        done = subprocess.run(
            [str(self.bindir / program), *map(str, arguments)], input=text, text=True,
            capture_output=True, cwd=self.dir, env=self.env(), check=False,
            **({"user": user, "group": user, "extra_groups": []} if user else {}))
        if done.returncode != 0:
            raise ServiceError(f"{program} failed: {done.stderr.strip()}")

    def _single(self, *statements: str) -> None:
        """Runs statements in single-user mode, before the server is up."""
        self._run("postgres", "--single", "-j", "-D", self.data, "postgres",
                  text="".join(f"{statement};\n\n" for statement in statements))

    def abandon(self) -> None:
        if self.alive:
            self.signal(signal.SIGQUIT)  # "immediate": the postmaster ends its children
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


class Standby(Postgres):
    """A streaming replica of PRIMARY, which must be up; reads only until it is promoted."""

    def __init__(self, session: Session, primary: Postgres):
        super().__init__(session, name="standby", fsync=False, database=primary.database)
        self.primary = primary
        session.offer(primary.variables())

    def prepare(self) -> None:
        user = self.user()
        if user:
            record = pwd.getpwnam(user)
            os.chown(self.dir, record.pw_uid, record.pw_gid)
        self._run("pg_basebackup", "-h", self.primary.dir, "-p", self.primary.port, "-U", "admin",
                  "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as config:
            config.write(f"port = {self.port}\nunix_socket_directories = '{self.dir}'\n")
