"""The programs under a service manager, which is played here: python3 -m tests.integration.worker.service_manager_test

The protocol is sd_notify(3)'s: datagrams of NAME=value lines to the socket that NOTIFY_SOCKET names.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import unittest
from pathlib import Path

from tests.services import CeleriacApi, CeleriacWorker, Postgres, Redis, ServiceError, Session
from tests.services.celeriac import migrate, program

# Far beyond what anything here takes; only a failing test waits that long.
WAIT_S = 30
WATCHDOG_S = 4

# linux/ptrace.h
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17


class Manager:
    """A socket that services report to."""

    def __init__(self, path: Path):
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self.heard: list[str] = []

    def variables(self) -> dict[str, str]:
        """What a service is started with."""
        return {"NOTIFY_SOCKET": str(self.path)}

    def listen(self, seconds: float) -> str | None:
        """The lines of the next datagram; None when none comes within SECONDS."""
        self._socket.settimeout(seconds)
        try:
            lines = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        self.heard += lines.split("\n")
        return lines

    def wait(self, line: str) -> None:
        """Listens until LINE is among the lines of a datagram."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            lines = self.listen(1)
            if lines is not None and line in lines.split("\n"):
                return
        raise ServiceError(f"waited in vain for {line}; heard {self.heard}")

    def forget(self) -> None:
        """Reads away what was said before now."""
        while self.listen(0.01) is not None:
            pass
        self.heard.clear()

    def close(self) -> None:
        """Hangs up."""
        self._socket.close()


class Stopped:
    """Holds one thread of another process while the others run."""

    def __init__(self, thread: int):
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._thread = thread

    def _ptrace(self, request: int) -> None:
        if self._libc.ptrace(request, self._thread, None, None) == -1:
            raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self._thread, 0x40000000)  # __WALL
        return self

    def __exit__(self, *_error):
        self._ptrace(PTRACE_DETACH)


class Stage(unittest.TestCase):
    """Each test has servers and a manager of its own."""

    def setUp(self):
        self.session = Session("service")
        self.addCleanup(self.session.close)
        self.manager = Manager(self.session.dir / "notify")
        self.addCleanup(self.manager.close)
        self.redis = Redis(self.session)
        self.postgres = Postgres(self.session, fsync=False)

    def worker(self, **extra: str) -> CeleriacWorker:
        """A worker that is started and reports to the manager."""
        worker = CeleriacWorker(self.session, concurrency=2, extra={**self.manager.variables(), **extra})
        return worker.start(wait=False)


class WorkerTest(Stage):
    """celeriac-worker as a service."""

    def setUp(self):
        super().setUp()
        self.postgres.start()
        migrate(self.session)

    def test_ready_while_it_consumes_and_stopping_when_asked(self):
        """READY=1 comes when the broker is there, not before; STOPPING=1 before the end."""
        worker = self.worker()
        self.manager.wait("STATUS=waiting for the broker")
        self.assertNotIn("READY=1", self.manager.heard)
        self.redis.start()
        self.manager.wait("READY=1")
        self.assertTrue(worker.logged(r"\bready\b"))
        self.redis.kill()
        self.manager.wait("STATUS=waiting for the broker")
        self.redis.start()
        self.manager.wait("STATUS=consuming")
        self.manager.forget()
        self.assertEqual(worker.stop(), 0)
        self.manager.wait("STOPPING=1")

    def test_says_that_it_waits_for_the_database(self):
        """The status says why it is not ready yet."""
        self.redis.start()
        self.postgres.stop()
        self.worker()
        self.manager.wait("STATUS=waiting for the database")
        self.assertNotIn("READY=1", self.manager.heard)
        self.postgres.start()
        self.manager.wait("READY=1")

    def test_watchdog_follows_the_consumer(self):
        """WATCHDOG=1 comes while the consumer goes round, and not while it alone is stuck."""
        self.redis.start()
        worker = self.worker(WATCHDOG_USEC=str(WATCHDOG_S * 1000000))
        self.manager.wait("READY=1")
        for _ in range(3):
            self.manager.wait("WATCHDOG=1")
        with Stopped(worker.pid):
            self.manager.forget()
            self.assertIsNone(self.manager.listen(WATCHDOG_S))
        self.manager.wait("WATCHDOG=1")

    def test_a_frozen_broker_is_no_reason_to_die(self):
        """Restarting the worker would not thaw it: it waits, and says that it lives."""
        self.redis.start()
        self.worker(WATCHDOG_USEC=str(WATCHDOG_S * 1000000))
        self.manager.wait("READY=1")
        self.redis.freeze()
        self.manager.wait("STATUS=waiting for the broker")
        for _ in range(2):
            self.manager.wait("WATCHDOG=1")
        self.redis.thaw()
        self.manager.wait("READY=1")

    def test_somebody_elses_watchdog_is_not_fed(self):
        """WATCHDOG_PID names the process that is meant."""
        self.redis.start()
        worker = self.worker(WATCHDOG_USEC="1000000", WATCHDOG_PID="1")
        self.manager.wait("READY=1")
        worker.stop()
        self.manager.wait("STOPPING=1")
        self.assertNotIn("WATCHDOG=1", self.manager.heard)

    def test_variables_without_sense_stop_the_start(self):
        """The message names the variable."""
        for name, value in (("NOTIFY_SOCKET", "vsock:2:1"), ("WATCHDOG_USEC", "soon"), ("WATCHDOG_PID", "me")):
            environment = self.session.environment(
                {"NOTIFY_SOCKET": str(self.manager.path), "WATCHDOG_USEC": "1000000", name: value})
            done = subprocess.run([program("celeriac-worker")], env=environment, cwd=self.session.dir,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(name, done.stderr)
        self.assertIsNone(self.manager.listen(0.01))


class ApiTest(Stage):
    """celeriac-api as a service."""

    def test_ready_when_it_listens_and_stopping_when_asked(self):
        """After READY=1 the first request is answered; nothing is said before."""
        self.redis.start()
        self.postgres.start()
        api = CeleriacApi(self.session, extra=self.manager.variables()).start(wait=False)
        self.assertEqual(self.manager.listen(WAIT_S), "READY=1")
        self.assertEqual(api.request("GET", "/health/")[0], 200)
        api.signal(signal.SIGTERM)
        self.manager.wait("STOPPING=1")
        self.assertEqual(api.wait_end(), 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
