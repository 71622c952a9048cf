"""The fast SMTP sink (folder smtp_sink): built on first use, counts mails, keeps their Message-IDs."""

import hashlib
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from . import ports
from .server import Server, wait_until
from .session import ROOT, ServiceError, Session

# Order of the words in the shared file: struct counters in smtp_sink/sink.h.
FIELDS = ("mails", "recipients", "bytes", "connections", "open", "peak", "commands", "refused", "refuse")


def program() -> Path:
    """Builds the sink when its sources have changed; returns the executable."""
    source = Path(__file__).with_name("smtp_sink")
    files = sorted([*source.glob("*.c"), *source.glob("*.h")])
    mark = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]
    folder = Path(os.environ.get("CELERIAC_BUILD", ROOT / "build")) / "services"
    target = folder / f"smtp_sink-{mark}"
    if not target.exists():
        compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
        if compiler is None:
            raise ServiceError("no C compiler to build the SMTP sink (package gcc)")
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f"smtp_sink-{mark}.{os.getpid()}"
        subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-o", str(unfinished),
                        *(str(file) for file in files if file.suffix == ".c")], check=True)
        unfinished.replace(target)
    return target


@dataclass(frozen=True)
class Arrival:
    """One accepted mail: Unix time, first recipient, Message-ID without its angle brackets."""

    time: float
    to: str
    message_id: str


class SmtpSink(Server):
    """Accepts every mail at once; offers EMAIL_*.

    delay_ms: what each reply takes. keep: store the mails too (file "mails"); ids: keep a line for
    each mail, which arrivals() reads. max_size: SIZE offered and enforced.
    """

    def __init__(self, session: Session, name: str = "sink", delay_ms: int = 0, ids: bool = True,
                 keep: bool = False, max_size: int = 32 << 20):
        super().__init__(session, name)
        self.port = ports.claim()
        self.ids = self.dir / "ids" if ids else None
        self.kept = self.dir / "mails" if keep else None
        self._options = ["-d", str(delay_ms), "-s", str(max_size)]
        self._counters = self.dir / "counters"
        self._counters.write_bytes(bytes(8 * len(FIELDS)))
        with open(self._counters, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        session.offer(self.variables())

    def variables(self) -> dict[str, str]:
        """The settings by which the service finds this server."""
        return {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(self.port), "EMAIL_USE_TLS": "False",
                "EMAIL_HOST_USER": "", "EMAIL_HOST_PASSWORD": "",
                "DEFAULT_FROM_EMAIL": "noreply@example.com"}

    def command(self) -> list[str]:
        return [str(program()), "-p", str(self.port), "-c", str(self._counters), *self._options,
                *(["-i", str(self.ids)] if self.ids else []), *(["-k", str(self.kept)] if self.kept else [])]

    def ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def counter(self, field: str) -> int:
        """One of FIELDS, now."""
        return struct.unpack_from("=Q", self._map, 8 * FIELDS.index(field))[0]

    @property
    def count(self) -> int:
        """Mails accepted since the folder was made; a restart does not begin anew."""
        return self.counter("mails")

    def refuse(self, on: bool) -> None:
        """From now on answers 421 to every connection and command (on), or serves again (off)."""
        struct.pack_into("=Q", self._map, 8 * FIELDS.index("refuse"), int(on))

    def report(self) -> None:
        """Has all counters printed to the log."""
        self.signal(signal.SIGUSR1)

    def wait_count(self, number: int, seconds: float) -> None:
        """Waits until NUMBER mails have been accepted."""
        wait_until(lambda: self.count >= number, seconds, f"{number} mails ({self.name} has {self.count})")

    def arrivals(self) -> list[Arrival]:
        """All accepted mails in the order of their arrival."""
        if self.ids is None:
            raise ServiceError(f"{self.name} keeps no ids: create it with ids=True")
        found = []
        if self.ids.exists():
            for line in self.ids.read_text().splitlines():
                when, to, message_id = line.split(" ", 2)
                found.append(Arrival(float(when), to, message_id))
        return found

    def duplicates(self) -> dict[str, int]:
        """Recipients that got more than one mail, with how many each got."""
        return {to: n for to, n in Counter(mail.to for mail in self.arrivals()).items() if n > 1}
