"""What the fault runs observe: who holds which message, what was retried, what arrived."""

import re
import threading
import time
from pathlib import Path

from .stage import Broker
from tests.services import Redis, RedisError, SmtpSink

POLL_S = 0.02
RETRIED = re.compile(rb'"retries": ?[1-9]|"status": ?"RETRY"')


class TakeUpWatch:
    """Measures how long the messages of a dead worker lie about before somebody takes them up.

    A message counts as taken up when it has left unacked_index, or when its score there is younger
    than the kill: only a living worker claims a message or refreshes one that it holds.
    """

    def __init__(self, broker: Broker):
        self._broker = broker
        self._lock = threading.Lock()
        self._waiting: dict[str, float] = {}
        self.delays: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def orphaned(self, tags, killed_at: float) -> None:
        """These delivery tags were held by a worker that was killed at KILLED_AT (Unix time)."""
        with self._lock:
            for tag in tags:
                self._waiting.setdefault(tag, killed_at)

    def _run(self) -> None:
        while not self._end.wait(POLL_S):
            self._look()

    def _look(self) -> None:
        scores = self._broker.scores()
        now = time.time()
        with self._lock:
            for tag, killed_at in list(self._waiting.items()):
                score = scores.get(tag)
                if score is None or score > killed_at:
                    self.delays.append((score or now) - killed_at)
                    del self._waiting[tag]

    def close(self) -> int:
        """Ends the watch; returns how many were never taken up."""
        self._end.set()
        self._thread.join()
        self._look()
        return len(self._waiting)


def retries_written(redis: Redis) -> int:
    """How many retried messages and RETRY results Redis ever wrote to its append-only file."""
    return sum(len(RETRIED.findall(path.read_bytes()))
               for path in Path(redis.dir).glob("appendonlydir/*.aof"))


def first_arrival(sink: SmtpSink, after: float, but_not: set[str]) -> float | None:
    """When the first mail came in after AFTER (Unix time) to somebody who is not in BUT_NOT."""
    return next((mail.time for mail in sink.arrivals() if mail.time >= after and mail.to not in but_not), None)


def held_numbers(broker: Broker) -> dict[str, str]:
    """Delivery tag -> notification of what is held now; empty when Redis does not answer."""
    try:
        return {tag: message.args[0] for tag, message in broker.held().items()}
    except (OSError, RedisError):
        return {}
