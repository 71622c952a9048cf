"""One server process: started in a process group of its own, watched, stopped, killed, frozen."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from .session import ServiceError, Session

# How the sanitizers begin what they have to say of a program. A cold stop leaves without its threads: that is no leak.
SANITIZER = re.compile(r"^.*(?:ERROR: \w+Sanitizer|WARNING: ThreadSanitizer: (?!thread leak)|: runtime error: ).*$", re.MULTILINE)

READY_S = 60.0  # a loaded two-core machine starts a Python worker in 10 s at worst
STOP_S = 30.0
POLL_S = 0.02


def wait_until(condition: Callable[[], object], seconds: float, what: str,
               every: float = POLL_S) -> object:
    """Polls CONDITION (EVERY so many seconds) until it returns something true, which is returned.

    Raises ServiceError naming WHAT when SECONDS have passed.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise ServiceError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(every)


def descendants(pid: int) -> list[int]:
    """PID and all its living children and their children, parents first."""
    found = [pid]
    for parent in found:
        try:
            for task in os.listdir(f"/proc/{parent}/task"):
                text = Path(f"/proc/{parent}/task/{task}/children").read_text()
                found.extend(int(word) for word in text.split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def in_session(leader: int) -> list[int]:
    """Every process of the session that LEADER has begun, also those whose parent has ended."""
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _stat(pid)[3:4] == [str(leader)]]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on (proc(5)), none when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def running(pid: int) -> bool:
    """Whether PID still holds anything: it has neither gone nor only waits for its parent to read its exit code."""
    return _stat(pid)[:1] not in ([], ["Z"], ["X"])


def _signal_all(members, number: signal.Signals) -> None:
    """Sends a signal to each; one that has ended since it was listed needs none."""
    for member in members:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, number)


class Server:
    """Base of all servers. A subclass says how to start it and when it is ready.

    Any thread may call the methods, one thread at a time for each server.
    """

    stop_signal = signal.SIGTERM

    def __init__(self, session: Session, name: str):
        self.session = session
        self.dir = session.folder(name)
        self.name = self.dir.name
        self.log = self.dir / "log"
        self.process: subprocess.Popen | None = None
        self.started_at = 0.0
        self._log_start = 0
        self._group_lives = False
        self._lock = threading.Lock()
        session.servers.append(self)

    # -- for subclasses -------------------------------------------------------------------------

    def command(self) -> list[str]:
        """The command line."""
        raise NotImplementedError

    def env(self) -> dict[str, str]:
        """The environment of the process."""
        return self.session.environment()

    def cwd(self) -> str | None:
        """The working directory of the process."""
        return str(self.dir)

    def user(self) -> str | None:
        """The user to run as, None for the present one."""
        return None

    def prepare(self) -> None:
        """Called once before the first start: configuration files, empty databases."""

    def ready(self) -> bool:
        """Whether the server does its work now."""
        raise NotImplementedError

    # -- for tests ------------------------------------------------------------------------------

    def start(self, wait: bool = True) -> "Server":
        """Starts the process and, with WAIT, returns once it is ready."""
        if self.alive:
            raise ServiceError(f"{self.name} runs already")
        if self.started_at == 0.0:
            self.prepare()
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with open(self.log, "ab") as log:
            user = self.user()
            self.started_at = time.time()
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self.env(), cwd=self.cwd(), start_new_session=True,
                **({"user": user, "group": user, "extra_groups": []} if user else {}))
        self._group_lives = True
        self.session.tell(f"group {self.process.pid}")
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = READY_S) -> None:
        """Waits until ready() holds; an early death is reported at once, with the log."""
        def ready_or_dead() -> bool:
            if not self.alive:
                self.print_log()
                raise ServiceError(f"{self.name} ended with code {self.exit_code} before it was ready")
            return self.ready()
        try:
            wait_until(ready_or_dead, seconds, f"{self.name} to become ready")
        except ServiceError:
            if self.alive:
                self.print_log()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process runs (a frozen one does)."""
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        if self.process is None:
            raise ServiceError(f"{self.name} was never started")
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code of the last run, negative for a signal; None while it runs."""
        return self.process.poll() if self.process else None

    def signal(self, number: int) -> None:
        """Sends a signal to the main process only."""
        if self.alive:
            os.kill(self.pid, number)

    def stop(self, seconds: float = STOP_S) -> int | None:
        """Asks the process to end and returns its exit code; kills it after SECONDS."""
        if self.process is None:
            return None
        self.signal(self.stop_signal)
        return self.wait_end(seconds)

    def wait_end(self, seconds: float = STOP_S) -> int | None:
        """Waits for the end of the process, killing it after SECONDS; returns its exit code."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            print(f"{self.name} did not end within {seconds:g} s: killed", file=sys.stderr)
        self.kill()
        return self.exit_code

    def kill(self) -> None:
        """SIGKILL to the process and all that it has started; returns when all of them are gone."""
        with self._lock:
            if not self._group_lives:
                return
            members = self._members()
            _signal_all(members, signal.SIGKILL)
            self.process.wait()
            # A child of PostgreSQL that outlives its parent still holds the shared memory, and a new start fails.
            wait_until(lambda: not any(map(running, members)), STOP_S, f"all processes of {self.name} to be gone")
            self._group_lives = False
            self.session.tell(f"gone {self.process.pid}")

    def _members(self) -> list[int]:
        """The process and all it has started, children in sessions of their own too; it is frozen, so as to start no more."""
        members = set(in_session(self.pid))
        if self.alive:
            os.kill(self.pid, signal.SIGSTOP)
            members.update(descendants(self.pid))
        return sorted(members)

    def freeze(self) -> None:
        """SIGSTOP to the process and all its descendants."""
        _signal_all(descendants(self.pid), signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT to the process and all its descendants."""
        _signal_all(reversed(descendants(self.pid)), signal.SIGCONT)

    def restart(self, wait: bool = True) -> "Server":
        """Stops and starts again with the same port and data."""
        self.stop()
        return self.start(wait)

    def abandon(self) -> None:
        """Ends the process in the quickest way that leaves nothing behind."""
        self.kill()

    # -- the log --------------------------------------------------------------------------------

    def log_text(self, whole: bool = False) -> str:
        """What the process has printed since its last start, or (WHOLE) since the first."""
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as log:
            log.seek(0 if whole else self._log_start)
            return log.read().decode(errors="replace")

    def logged(self, pattern: str) -> bool:
        """Whether the regular expression PATTERN occurs in the log since the last start."""
        return re.search(pattern, self.log_text(), re.MULTILINE) is not None

    def wait_logged(self, pattern: str, seconds: float = READY_S) -> None:
        """Waits until PATTERN occurs in the log since the last start."""
        wait_until(lambda: self.logged(pattern), seconds, f"{pattern!r} in the log of {self.name}")

    def sanitizer_report(self) -> str:
        """The line by which a sanitizer has begun a report on this program, empty when none did."""
        found = SANITIZER.search(self.log_text(whole=True))
        return found[0] if found else ""

    def print_log(self, lines: int = 40) -> None:
        """Prints the end of the log to standard error."""
        text = self.log_text(whole=True).splitlines()
        print(f"--- {self.name}: last lines of {self.log}", file=sys.stderr)
        for line in text[-lines:]:
            print(f"    {line}", file=sys.stderr)
