"""Workers that note what they ran in a file, and messages for them, for tests of the transport."""

import base64
import json
import os
import signal
import threading
import time
import uuid
from collections import Counter

from tests.services import ROOT, RedisError, RespClient, Server, Session, celeriac, venvs

TASK = "interop.note"
SEP = "\x06\x16"


def message(number: int, milliseconds: int, queue: str = "celery", priority: int = 0) -> str:
    """The envelope of one interop.note, as Celery writes it."""
    number_id = str(uuid.uuid4())
    body = [[number, milliseconds], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    return json.dumps({
        "body": base64.b64encode(json.dumps(body).encode()).decode(), "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK, "id": number_id, "shadow": None, "eta": None, "expires": None,
                    "group": None, "group_index": None, "retries": 0, "timelimit": [None, None],
                    "root_id": number_id, "parent_id": None, "argsrepr": "()", "kwargsrepr": "{}",
                    "origin": "test", "ignore_result": False, "replaced_task_nesting": 0,
                    "stamped_headers": None, "stamps": {}},
        "properties": {"correlation_id": number_id, "reply_to": str(uuid.uuid4()), "delivery_mode": 2,
                       "delivery_info": {"exchange": "", "routing_key": queue}, "priority": priority,
                       "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())}})


def list_of(queue: str = "celery", priority: int = 0) -> str:
    """The list that takes messages of a priority."""
    step = max(step for step in (0, 3, 6, 9) if step <= priority)
    return queue + (f"{SEP}{step}" if step else "")


class Notes:
    """The file that the workers of one scene write. Any thread may call."""

    def __init__(self, session: Session):
        self.path = session.dir / "notes"
        self.path.touch()

    def all(self) -> list[tuple[int, float, str]]:
        """Number, Unix time and kind of worker of each execution that has ended."""
        lines = self.path.read_text().splitlines()
        return [(int(number), int(time_us) / 1e6, kind)
                for number, time_us, kind in (line.split("\t") for line in lines)]

    def counts(self) -> Counter:
        """How often each number was executed."""
        return Counter(number for number, _, _ in self.all())

    def when(self, number: int) -> float | None:
        """When a number was first executed; None if it was not yet."""
        return min((at for found, at, _ in self.all() if found == number), default=None)


class CNoteWorker(Server):
    """note_worker.c."""

    stop_signal = signal.SIGTERM

    def __init__(self, session: Session, notes: Notes, name: str = "c-notes", concurrency: int = 4,
                 extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._notes, self._concurrency, self._extra = notes, concurrency, extra or {}

    def env(self) -> dict[str, str]:
        return self.session.environment(self._extra)

    def command(self) -> list[str]:
        return [celeriac.program("note-worker", "interop"), str(self._concurrency), str(self._notes.path)]

    def ready(self) -> bool:
        return self.logged(r"^ready$")


class PythonNoteWorker(Server):
    """A Celery worker of note_app.py."""

    def __init__(self, session: Session, notes: Notes, name: str = "python-notes", venv: str = "newest",
                 concurrency: int = 2, extra: dict[str, str] | None = None):
        super().__init__(session, name)
        self._notes, self._venv, self._concurrency, self._extra = notes, venv, concurrency, extra or {}

    def env(self) -> dict[str, str]:
        return self.session.environment({"NOTES_FILE": str(self._notes.path), "PYTHONUNBUFFERED": "1",
                                         "PYTHONDONTWRITEBYTECODE": "1", **self._extra})

    def cwd(self) -> str:
        return str(ROOT / "interop")

    def command(self) -> list[str]:
        return [str(venvs.python(self._venv)), "-m", "celery", "-A", "note_app", "worker", "-l", "info",
                "-n", f"{self.name}@test", "-c", str(self._concurrency)]

    def ready(self) -> bool:
        return self.logged(r"ready\.")


class Producer:
    """A thread that keeps a queue filled and remembers what Redis promised to keep.

    connect: makes a connection to the server that takes writes now. replicas: how many must have
    confirmed a push (WAIT) before it counts as promised; 0 asks for none. A push whose fate is not
    known is no promise.
    """

    def __init__(self, connect, replicas: int = 0, milliseconds: int = 20, depth: int = 200,
                 batch: int = 20, priority: int = 3):
        self._connect, self._replicas, self._depth, self._batch = connect, replicas, depth, batch
        self._milliseconds, self._priority = milliseconds, priority
        self._end = threading.Event()
        self.promised: set[int] = set()
        self.unknown: set[int] = set()
        self._next = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        client: RespClient | None = None
        while not self._end.is_set():
            try:
                client = client or self._connect()
                self._fill(client)
            except (OSError, RedisError):
                if client:
                    client.close()
                client = None
                self._end.wait(0.05)
        if client:
            client.close()

    def _fill(self, client: RespClient) -> None:
        name = list_of(priority=self._priority)
        if client.call("LLEN", name) >= self._depth:
            self._end.wait(0.02)
            return
        numbers = list(range(self._next, self._next + self._batch))
        self._next += self._batch
        self.unknown.update(numbers)
        commands = [("LPUSH", name, message(number, self._milliseconds, priority=self._priority))
                    for number in numbers]
        if self._replicas:
            commands.append(("WAIT", self._replicas, 2000))
        replies = client.pipeline(commands)
        if not self._replicas or replies[-1] >= self._replicas:
            self.promised.update(numbers)
            self.unknown.difference_update(numbers)

    def close(self) -> None:
        """Ends the thread."""
        self._end.set()
        self._thread.join()


def probe(connect, number: int, priority: int = 0) -> None:
    """Pushes a message that overtakes all others, trying until the server takes it."""
    deadline = time.monotonic() + 10
    while True:
        try:
            with connect() as client:
                client.call("LPUSH", list_of(priority=priority), message(number, 0, priority=priority))
            return
        except (OSError, RedisError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def is_empty(connect, held: bool = True) -> bool:
    """Whether the queue, and with HELD what workers hold, is empty; false while the server is away."""
    commands = [("LLEN", list_of(priority=step)) for step in (0, 3, 6, 9)]
    try:
        with connect() as client:
            return not any(client.pipeline(commands + [("HLEN", "unacked")] * held))
    except (OSError, RedisError):
        return False


def held_numbers(connect) -> set[int]:
    """The numbers of the messages in kombu's unacked hash."""
    with connect() as client:
        entries = [json.loads(entry)[0] for entry in client.call("HVALS", "unacked")]
    return {json.loads(base64.b64decode(envelope["body"]))[0][0] for envelope in entries}
