"""A C worker and a Python worker with the same tasks, and Celery's own client to look at both."""

import json
import os
import subprocess
import threading

from tests.services import ROOT, Server, Session, wait_until
from tests.services import venvs
from tests.services.celeriac import program


def peer_env(session: Session) -> dict[str, str]:
    """The environment of every Python process here."""
    return session.environment({"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"})


class TaskWorker(Server):
    """The C worker of task_worker.c. words: further words of its command line, extra: of its environment."""

    def __init__(self, session: Session, name: str = "c", concurrency: int = 2, words: tuple[str, ...] = (),
                 extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._words = [str(concurrency), *words]
        self._extra = extra or {}

    def env(self) -> dict[str, str]:
        return {**super().env(), **self._extra}

    @property
    def nodename(self) -> str:
        return f"{self.name}@test"

    def command(self) -> list[str]:
        return [program("task_worker", "tests"), self.nodename, *self._words]

    def ready(self) -> bool:
        return self.logged(r"\bready\b")


class PythonWorker(Server):
    """The Python worker of peer_app.py. options: further options of "celery worker", extra: of its environment."""

    def __init__(self, session: Session, name: str = "py", venv: str = "newest", concurrency: int = 2,
                 options: tuple[str, ...] = (), extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._venv = venv
        self._extra = extra or {}
        self._options = ["-c", str(concurrency), "-P", "prefork", *options]

    @property
    def nodename(self) -> str:
        return f"{self.name}@test"

    def env(self) -> dict[str, str]:
        return {**peer_env(self.session), **self._extra}

    def prepare(self) -> None:
        venvs.ensure(self._venv)

    def cwd(self) -> str:
        return str(ROOT)

    def command(self) -> list[str]:
        return [str(venvs.python(self._venv)), "-m", "celery", "-A", "tests.integration.worker.peer_app", "worker",
                "-l", "info", "-n", self.nodename, *self._options]

    def ready(self) -> bool:
        return self.logged(rf"{self.nodename} ready\.")


class Client:
    """Celery's client in an environment of its own; see ask.py."""

    def __init__(self, session: Session, venv: str = "newest"):
        venvs.ensure(venv)
        self._process = subprocess.Popen(
            [str(venvs.python(venv)), "-m", "tests.integration.worker.ask"], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, env=peer_env(session), cwd=ROOT, text=True)

    def call(self, *words):
        """One call of ask.py."""
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def inspect(self, name, node, arguments=None, **options):
        """One node's answer to an inspect command, None when it did not answer."""
        replies = self.call("inspect", name, arguments or {}, {"destination": [node], **options}) or {}
        if "raised" in replies:
            raise AssertionError(replies["raised"])
        return replies.get(node)

    def control(self, name, node, arguments=None, **options):
        """One node's answer to a control command, None when it did not answer."""
        replies = self.call("control", name, arguments or {}, {"destination": [node], **options})
        if isinstance(replies, dict):
            raise AssertionError(replies["raised"])
        for reply in replies or []:
            if node in reply:
                return reply[node]
        return None

    def send(self, task, *args, **options):
        return self.call("send", task, list(args), options)

    def get(self, task_id):
        return self.call("get", task_id)

    def close(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


class Listener:
    """Celery's event receiver in an environment of its own; collects what it hears."""

    def __init__(self, session: Session, venv: str = "newest"):
        self.events = []
        venvs.ensure(venv)
        self._process = subprocess.Popen(
            [str(venvs.python(venv)), "-m", "tests.integration.worker.listen"], stdout=subprocess.PIPE,
            env=peer_env(session), cwd=ROOT, text=True)
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def of(self, kind=None, **fields):
        """The events of a type (or any), whose fields have these values."""
        return [e for e in list(self.events) if (kind is None or e["type"] == kind)
                and all(e.get(name) == value for name, value in fields.items())]

    def wait(self, kind, seconds=20.0, **fields):
        """Waits for such an event and returns the first."""
        return wait_until(lambda: self.of(kind, **fields), seconds, f"{kind} {fields}")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._process.stdout.close()


def celery(session: Session, *words: str, venv: str = "newest") -> tuple[int, str]:
    """Runs the program "celery" with the application of peer_app.py; returns exit code and output."""
    venvs.ensure(venv)
    done = subprocess.run([str(venvs.python(venv)), "-m", "celery", "-A", "tests.integration.worker.peer_app", *words],
                          env=peer_env(session), cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_venvs() -> tuple[str, ...]:
    """The environments with which clients are tried."""
    return tuple(os.environ.get("CELERIAC_TEST_VENVS", "newest celery52").split())
