"""What the interop programs share: the servers by name, the queue as it lies in Redis, the rows."""

import base64
import json
import subprocess
import zlib
from dataclasses import dataclass

from tests.services import (ROOT, CeleriacApi, CeleriacWorker, CeleryWorker, DjangoApi, HttpServer, Postgres,
                            Redis, Server, ServiceError, Session, celeriac, manage, venvs)
from tests.services.python_side import SERVICE, python_env

TASK = "notifications.tasks.send_notification_task"
QUEUE = "celery"
STEPS = (0, 3, 6, 9)
SEP = "\x06\x16"

# Name on the command line and in the reports -> the kinds of process that work together.
FLEETS = {
    "celeriac": ("celeriac",),
    "newest": ("newest",),
    "celery53": ("celery53",),
    "celery52": ("celery52",),
    "mixed": ("celeriac", "newest"),
    "python-mixed": ("newest", "celery52"),
}
APIS = ("celeriac", "django")


def migrate(session: Session, ours: bool) -> None:
    """Django's migrations, and with OURS those of celeriac-api beside them."""
    manage(session, "migrate", "--no-input")
    if ours:
        celeriac.migrate(session)


def start_api(session: Session, kind: str) -> HttpServer:
    """The REST API, ours or Django's, on a database that Django has migrated."""
    if kind == "django":
        return DjangoApi(session, workers=2, threads=2, migrate=False).start()
    return CeleriacApi(session).start()


def make_worker(session: Session, kind: str, name: str | None = None, concurrency: int | None = None,
                extra: dict[str, str] | None = None, options: tuple[str, ...] = ()) -> Server:
    """One worker that is not started yet: "celeriac", or the name of a Python environment."""
    if kind == "celeriac":
        return CeleriacWorker(session, name or "celeriac", concurrency or 32, options, extra)
    return CeleryWorker(session, name or kind, kind, concurrency or 2, options=options, extra=extra)


def start_fleet(session: Session, fleet: str, concurrency: int | None = None,
                extra: dict[str, str] | None = None) -> list[Server]:
    """All workers of a fleet, started together, ready."""
    workers = [make_worker(session, kind, concurrency=concurrency, extra=extra) for kind in FLEETS[fleet]]
    for worker in workers:
        worker.start(wait=False)
    for worker in workers:
        worker.wait_ready()
    return workers


def ensure_python(kinds) -> None:
    """Makes the environments that KINDS (workers, fleets' members) need, and the oracle's own."""
    venvs.ensure(*{"newest", *(kind for kind in kinds if kind != "celeriac")})


@dataclass(frozen=True)
class Message:
    """One task message as it lies in Redis. raw: the list element, byte for byte."""

    raw: bytes
    envelope: dict
    args: list

    @property
    def id(self) -> str:
        """The task id."""
        return self.envelope["headers"].get("id") or ""

    @property
    def retries(self) -> int:
        """How often the task was retried already."""
        return self.envelope["headers"].get("retries") or 0


def decode(raw: bytes) -> Message:
    """Takes apart an element of a queue."""
    envelope = json.loads(raw)
    body = envelope["body"]
    data = base64.b64decode(body) if envelope["properties"].get("body_encoding") == "base64" else body.encode()
    if envelope["headers"].get("compression"):
        data = zlib.decompress(data)
    decoded = json.loads(data)
    return Message(raw, envelope, decoded["args"] if isinstance(decoded, dict) else decoded[0])


class Broker:
    """Looks into the broker's keys. Any thread may call."""

    def __init__(self, redis: Redis):
        self._redis = redis

    def lists(self) -> list[str]:
        """The lists of the queue, by priority."""
        return [QUEUE + (f"{SEP}{step}" if step else "") for step in STEPS]

    def queued(self) -> list[Message]:
        """All messages that wait in the queue."""
        with self._redis.client() as client:
            replies = client.pipeline([("LRANGE", name, 0, -1) for name in self.lists()])
        return [decode(raw) for reply in replies for raw in reply]

    def queued_count(self) -> int:
        """How many messages wait in the queue."""
        with self._redis.client() as client:
            return sum(client.pipeline([("LLEN", name) for name in self.lists()]))

    def take(self, message: Message) -> None:
        """Removes one message that waits in the queue."""
        with self._redis.client() as client:
            if sum(client.pipeline([("LREM", name, 1, message.raw) for name in self.lists()])) != 1:
                raise ServiceError(f"message {message.id} is no longer in the queue")

    def held(self) -> dict[str, Message]:
        """What workers hold: delivery tag -> message."""
        reply = self._redis.call("HGETALL", "unacked")
        return {reply[at].decode(): decode(json.dumps(json.loads(reply[at + 1])[0]).encode())
                for at in range(0, len(reply), 2)}

    def scores(self) -> dict[str, float]:
        """When each held message was last claimed or refreshed: delivery tag -> Unix time."""
        reply = self._redis.call("ZRANGE", "unacked_index", 0, -1, "WITHSCORES")
        return {reply[at].decode(): float(reply[at + 1]) for at in range(0, len(reply), 2)}

    def leftovers(self) -> dict[str, int]:
        """How much is in the queue, in unacked and in unacked_index; all 0 when work is done."""
        with self._redis.client() as client:
            sizes = client.pipeline([*(("LLEN", name) for name in self.lists()), ("HLEN", "unacked"),
                                     ("ZCARD", "unacked_index")])
        names = [*(name.replace(SEP, "/") for name in self.lists()), "unacked", "unacked_index"]
        return dict(zip(names, sizes))

    def empty(self) -> bool:
        """Whether nothing waits and nothing is held."""
        return not any(self.leftovers().values())


class Rows:
    """Reads and changes the notifications' rows. Any thread may call."""

    def __init__(self, postgres: Postgres):
        self._postgres = postgres

    def query(self, sql: str) -> list[dict]:
        """The rows of a SELECT as objects."""
        text = self._postgres.psql(f"SELECT coalesce(json_agg(q), '[]') FROM ({sql}) q")
        return json.loads(text)

    def execute(self, sql: str) -> None:
        """Runs one statement."""
        self._postgres.psql(sql)

    def notification(self, number: str) -> dict | None:
        """The row of a notification with its dead letter's reason and retry_count, if it has one."""
        found = self.query(f"""SELECT n.*, d.reason, d.retry_count FROM notifications n
                               LEFT JOIN dead_letters d ON d.notification_id = n.id WHERE n.id = '{number}'""")
        return found[0] if found else None

    def statuses(self) -> dict[str, int]:
        """How many notifications there are of each status."""
        rows = self.query("SELECT status, count(*) AS n FROM notifications GROUP BY status")
        return {row["status"]: row["n"] for row in rows}


def python_json(session: Session, script: str, argument: object = None, venv: str = "newest",
                extra: dict[str, str] | None = None, timeout: float = 600.0) -> object:
    """Runs interop/SCRIPT in the oracle's environment with ARGUMENT as JSON on its standard input.

    Returns what the script printed, decoded from JSON.
    """
    done = subprocess.run([str(venvs.python(venv)), str(ROOT / "interop" / script)], cwd=SERVICE,
                          env=python_env(session, {"PYTHONPATH": str(SERVICE), **(extra or {})}),
                          input=json.dumps(argument), capture_output=True, text=True, timeout=timeout,
                          check=False)
    if done.returncode != 0:
        raise ServiceError(f"{script} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return json.loads(done.stdout)
