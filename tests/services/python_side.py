"""The Python side: the oracle service of interop/notification_service as API and as worker."""

import http.client
import json
import subprocess

from . import ports, venvs
from .server import Server
from .session import ROOT, ServiceError, Session

SERVICE = ROOT / "interop" / "notification_service"


class HttpServer(Server):
    """A server of the REST API, whichever language it is written in."""

    port = 0

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def request(self, method: str, path: str, body: object = None, key: str | None = None,
                timeout: float = 30.0) -> tuple[int, dict[str, str], object]:
        """One request; returns status, headers (lower case) and the body, decoded if it is JSON.

        BODY is sent as JSON unless it is None; KEY is the API key.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"X-API-KEY": key} if key else {}
            data = None
            if body is not None:
                data = json.dumps(body)
                headers["Content-Type"] = "application/json"
            connection.request(method, path, data, headers)
            reply = connection.getresponse()
            raw = reply.read()
            found = {name.lower(): value for name, value in reply.getheaders()}
            if found.get("content-type", "").startswith("application/json"):
                return reply.status, found, json.loads(raw)
            return reply.status, found, raw.decode(errors="replace")
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.request("GET", "/health/", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def register(self, name: str = "Acme Corp", email: str = "admin@acme.example") -> tuple[str, str]:
        """Registers a tenant; returns its id and its first API key."""
        status, _, body = self.request("POST", "/v1/tenants/register/", {"name": name, "email": email})
        if status != 201:
            raise ServiceError(f"registering a tenant answered {status}: {body}")
        return body["tenant"]["tenant_id"], body["api_key"]["key"]


def manage(session: Session, *arguments: str, venv: str = "newest",
           env: dict[str, str] | None = None, check: bool = True) -> str:
    """Runs manage.py of the oracle in VENV and returns what it printed."""
    done = subprocess.run([str(venvs.python(venv)), "manage.py", *arguments], cwd=SERVICE,
                          env=python_env(session, env), capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise ServiceError(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def python_env(session: Session, extra: dict[str, str] | None = None) -> dict[str, str]:
    """The environment of every Python process of the oracle."""
    return session.environment({"DJANGO_SETTINGS_MODULE": "core.settings", "PYTHONUNBUFFERED": "1",
                                "PYTHONDONTWRITEBYTECODE": "1", **(extra or {})})


class DjangoApi(HttpServer):
    """The REST API by Django under gunicorn.

    venv: name of the environment. workers, threads: of gunicorn. migrate: run Django's migrations
    before the first start. access_log: write a line for each request. extra: further environment
    variables.
    """

    def __init__(self, session: Session, name: str = "django-api", venv: str = "newest", workers: int = 2,
                 threads: int = 4, migrate: bool = True, access_log: bool = True, extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self.port = ports.claim()
        self._venv = venv
        self._access_log = access_log
        self._workers = workers
        self._threads = threads
        self._migrate = migrate
        self._extra = extra or {}

    def prepare(self) -> None:
        if self._migrate:
            manage(self.session, "migrate", "--no-input", venv=self._venv, env=self._extra)

    def env(self) -> dict[str, str]:
        return python_env(self.session, self._extra)

    def cwd(self) -> str:
        return str(SERVICE)

    def command(self) -> list[str]:
        return [str(venvs.python(self._venv)), "-m", "gunicorn", "core.wsgi:application",
                "--bind", f"127.0.0.1:{self.port}", "--workers", str(self._workers),
                "--threads", str(self._threads), "--no-control-socket",
                *(("--access-logfile", "-") if self._access_log else ())]


class CeleryWorker(Server):
    """A Python worker of the oracle.

    venv: newest, celery53, celery52 or any other environment. options: further options of "celery
    worker". extra: further environment variables.
    """

    def __init__(self, session: Session, name: str = "celery", venv: str = "newest", concurrency: int = 2,
                 pool: str = "prefork", options: tuple[str, ...] = (), extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._venv = venv
        self._arguments = ["-c", str(concurrency), "-P", pool, *options]
        self._extra = extra or {}

    @property
    def nodename(self) -> str:
        """What the worker calls itself."""
        return f"{self.name}@test"

    def env(self) -> dict[str, str]:
        return python_env(self.session, self._extra)

    def cwd(self) -> str:
        return str(SERVICE)

    def command(self) -> list[str]:
        return [str(venvs.python(self._venv)), "-m", "celery", "-A", "core", "worker", "-l", "info",
                "-n", self.nodename, *self._arguments]

    def ready(self) -> bool:
        return self.logged(rf"{self.nodename} ready\.")


def app_python(session: Session, code: str, venv: str = "newest", extra: dict[str, str] | None = None,
               arguments: tuple[str, ...] = (), timeout: float = 120.0) -> str:
    """Runs Python CODE in the oracle's environment (app is core.celery.app); returns its output."""
    prelude = "import django; django.setup()\nfrom core.celery import app\n"
    done = subprocess.run([str(venvs.python(venv)), "-c", prelude + code, *arguments],
                          cwd=SERVICE, env=python_env(session, extra), capture_output=True,
                          text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise ServiceError(f"Python failed:\n{done.stdout}{done.stderr}")
    return done.stdout
