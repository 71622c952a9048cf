"""Ours: celeriac-api and celeriac-worker as they come out of the build."""

import os
import subprocess
from pathlib import Path

from . import ports
from .python_side import HttpServer
from .server import Server
from .session import ROOT, ServiceError, Session


def bindir() -> Path:
    """Where the programs are: build/release/bin, or what CELERIAC_BIN names."""
    return Path(os.environ.get("CELERIAC_BIN") or ROOT / "build" / "release" / "bin")


def program(name: str, folder: str = "bin") -> str:
    """The path of one of our programs; FOLDER is bin, or one beside it for what is not installed."""
    path = bindir().parent / folder / name if folder != "bin" else bindir() / name
    if not os.access(path, os.X_OK):
        raise ServiceError(f"{path} is not built")
    return str(path)


def migrate(session: Session, extra: dict[str, str] | None = None) -> str:
    """Runs "celeriac-api migrate" and returns what it printed."""
    done = subprocess.run([program("celeriac-api"), "migrate"], env=session.environment(extra),
                          cwd=session.dir, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServiceError(f"celeriac-api migrate failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


class CeleriacApi(HttpServer):
    """celeriac-api on a free port. migrate: run its migrations before the first start."""

    def __init__(self, session: Session, name: str = "celeriac-api", migrate: bool = True,
                 options: tuple[str, ...] = (), extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self.port = ports.claim()
        self._migrate = migrate
        self._options = options
        self._extra = extra or {}

    def prepare(self) -> None:
        if self._migrate:
            migrate(self.session, self._extra)

    def env(self) -> dict[str, str]:
        return self.session.environment(self._extra)

    def command(self) -> list[str]:
        return [program("celeriac-api"), "--bind", f"127.0.0.1:{self.port}", *self._options]


class CeleriacWorker(Server):
    """celeriac-worker. options: further options, spelt as those of "celery worker"."""

    def __init__(self, session: Session, name: str = "celeriac", concurrency: int = 32,
                 options: tuple[str, ...] = (), extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._concurrency = concurrency
        self._options = options
        self._extra = extra or {}

    @property
    def nodename(self) -> str:
        """What the worker calls itself."""
        return f"{self.name}@test"

    def env(self) -> dict[str, str]:
        return self.session.environment(self._extra)

    def command(self) -> list[str]:
        return [program("celeriac-worker"), "-l", "info", "-c", str(self._concurrency),
                "-n", self.nodename, *self._options]

    def ready(self) -> bool:
        return self.logged(r"\bready\b")
