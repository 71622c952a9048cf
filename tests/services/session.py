"""A session: one temporary folder and the servers started in it, all gone when it ends."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOG_TAIL_LINES = 40
SANITIZER_LINES = 200  # a data race with both stacks


class ServiceError(Exception):
    """A server did not start, did not become ready, or died."""


class Session:
    """Owns a private folder, and every server that is created with it.

    Use as a context manager. When the block ends (by its end, an exception, Ctrl-C or SIGTERM) the
    servers are killed and the folder is removed; if the harness itself is killed, the guardian
    process does it. On an exception the last lines of every log go to standard error first. The
    environment variable CELERIAC_KEEP=1 keeps the folder and says where it is.
    """

    def __init__(self, name: str = "test", show_logs: bool = True):
        self.dir = Path(tempfile.mkdtemp(prefix=f"celeriac-{name}-"))
        os.chmod(self.dir, 0o755)  # PostgreSQL runs as another user when the harness is root
        self._scratch = self.folder("tmp")
        os.chmod(self._scratch, 0o1777)
        self.servers = []
        self._env: dict[str, str] = {}
        self._show_logs = show_logs
        self._guardian = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("guardian.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, text=True, cwd="/")
        self._guardian.wait()  # its child is who guards
        self.tell(f"remove {self.dir}")
        self._old_handlers = {}
        self._signalled = False

    # -- what the servers use -------------------------------------------------------------------

    def tell(self, line: str) -> None:
        """Sends one line to the guardian."""
        self._guardian.stdin.write(line + "\n")
        self._guardian.stdin.flush()

    def folder(self, name: str) -> Path:
        """Makes and returns a folder of its own for a server called NAME."""
        path = self.dir / name
        number = 2
        while path.exists():
            path = self.dir / f"{name}-{number}"
            number += 1
        path.mkdir()
        return path

    def offer(self, variables: dict[str, str]) -> None:
        """Adds to the environment that later servers and commands of this session get."""
        self._env.update(variables)

    def environment(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """The environment of this process with a TMPDIR of the session's own, what the servers offer, and EXTRA."""
        return {**os.environ, "TMPDIR": str(self._scratch), **self._env, **(extra or {})}

    @property
    def offered(self) -> dict[str, str]:
        """Only what the servers of this session offer (REDIS_URL, DB_*, EMAIL_*...)."""
        return dict(self._env)

    # -- life -----------------------------------------------------------------------------------

    def __enter__(self) -> "Session":
        for number in (signal.SIGTERM, signal.SIGHUP):
            self._old_handlers[number] = signal.signal(number, self._leave)
        return self

    def _leave(self, number, _frame):
        self._signalled = True
        sys.exit(128 + number)

    def __exit__(self, kind, error, _traceback) -> None:
        ended_well = kind is None or (kind is SystemExit and not error.code)
        if self._show_logs and not (ended_well or self._signalled or kind is KeyboardInterrupt):
            self.print_logs()
        self.close()

    def print_logs(self, lines: int = LOG_TAIL_LINES) -> None:
        """Prints the last LINES lines of each server's log to standard error."""
        for server in self.servers:
            server.print_log(lines)

    def close(self) -> None:
        """Kills all servers, removes the folder. Safe to call twice.

        Raises ServiceError when a sanitizer had something to say of a server: it speaks to the log only.
        """
        for server in reversed(self.servers):
            server.abandon()
        reports = [f"{server.name}: {server.sanitizer_report()}" for server in self.servers if server.sanitizer_report()]
        for server in self.servers:
            if server.sanitizer_report():
                server.print_log(SANITIZER_LINES)
        if os.environ.get("CELERIAC_KEEP"):
            self.tell(f"keep {self.dir}")
            print(f"kept: {self.dir}", file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)
        if not self._guardian.stdin.closed:
            self._guardian.stdin.close()
            self._guardian.stdout.read()
            self._guardian.stdout.close()
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        self._old_handlers = {}
        self.servers = []
        if reports:
            raise ServiceError("; ".join(reports))
