"""How both kinds of worker end after signals: python3 -m tests.integration.protocol.signals_test"""

import json
import signal
import subprocess
import sys
import unittest

from tests.integration.protocol.stage import WAIT_S, Stage
from tests.integration.worker.operations_test import envelope
from tests.integration.worker.peers import PythonWorker
from tests.services import CeleriacWorker, wait_until
from tests.services.celeriac import program

TERM, INT, QUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT

# Signals in their order, whether a task runs that does not end by itself, further variables, and the exit code.
CASES = (
    ((TERM,), False, {}, 0),
    ((INT,), False, {}, 1),
    ((QUIT,), False, {}, 0),
    ((TERM,), False, {"REMAP_SIGTERM": "SIGQUIT"}, 0),
    ((QUIT,), True, {}, 0),
    ((TERM,), True, {"REMAP_SIGTERM": "SIGQUIT"}, 0),
    ((TERM, QUIT), True, {}, 0),
    ((INT, QUIT), True, {}, 1),
    ((INT, INT), True, {}, 1),
    ((QUIT,), False, {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "600"}, 0),
    ((QUIT,), True, {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "1"}, 0),
)


class Peer(PythonWorker):
    """A Python worker with variables of its own; it is told settings on its command line, ours by variables."""

    def __init__(self, session, extra: dict[str, str]):
        soft = extra.get("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT")
        super().__init__(session, concurrency=1, options=(
            "--without-gossip", "--without-mingle", *([f"worker.soft_shutdown_timeout={soft}"] if soft else [])))
        self._extra = {name: value for name, value in extra.items() if name == "REMAP_SIGTERM"}

    def env(self) -> dict[str, str]:
        return {**super().env(), **self._extra}


class SignalsTest(Stage):
    """The newest Celery; 5.2 ends with 1 in some of these cases."""

    def running(self) -> int:
        """How many messages are held by anybody: acknowledged late, or not begun."""
        return self.redis.call("HLEN", "unacked")

    def ours(self, extra: dict[str, str], stuck: bool) -> CeleriacWorker:
        library = program("app/tasks.so", "tests")
        worker = CeleriacWorker(self.session, concurrency=1, options=("-A", library, "--without-mingle"), extra=extra)
        self.addCleanup(worker.kill)
        worker.start()
        if stuck:
            began = self.session.folder("stuck") / "began"
            self.redis.call("LPUSH", "celery", envelope([str(began)], task="app.stuck"))
            wait_until(began.exists, WAIT_S, "the task to run")
        return worker

    def theirs(self, extra: dict[str, str], stuck: bool) -> PythonWorker:
        worker = Peer(self.session, extra)
        self.addCleanup(worker.kill)
        worker.start()
        if stuck:
            number = self.python('answer = stubborn.apply_async([600]).id')
            wait_until(lambda: self.redis.call("LLEN", "celery") == 0 and self.is_active(worker, number), WAIT_S,
                       "the task to run")
        return worker

    def is_active(self, worker: PythonWorker, number: str) -> bool:
        done = subprocess.run([program("celeriac"), "inspect", "active", "--json"], env=self.session.environment(),
                              check=False, capture_output=True, timeout=WAIT_S)
        return number in [task["id"] for task in json.loads(done.stdout or b"{}").get(worker.nodename) or []]

    def end(self, worker, signals) -> int:
        for i, number in enumerate(signals):
            if i > 0 and isinstance(worker, PythonWorker):
                # It sees the first signal only when its loop goes round: the consumer is stopped then.
                wait_until(lambda: self.redis.call("PUBSUB", "NUMPAT") == 0, WAIT_S, "the first signal to be seen")
            elif i > 0:
                wait_until(lambda: worker.logged("stopping when"), WAIT_S, "the first signal to be seen")
            worker.signal(number)
        return worker.wait_end(WAIT_S)

    def test_checklist_91_exit_codes_are_celerys(self):
        for signals, stuck, extra, code in CASES:
            with self.subTest(signals=[number.name for number in signals], stuck=stuck, **extra):
                found = []
                for make in (self.ours, self.theirs):
                    worker = make(extra, stuck)
                    found.append(self.end(worker, signals))
                    self.redis.call("FLUSHALL")
                self.assertEqual(found, [code, code])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
