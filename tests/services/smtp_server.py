"""An SMTP server that keeps mails, refuses, delays, speaks STARTTLS and asks for a password."""

import base64
import email
import email.message
import email.policy
import json
import os
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from . import ports, venvs
from .authority import Authority
from .server import Server, wait_until
from .session import Session


@dataclass(frozen=True)
class Mail:
    """One accepted mail. data: the bytes after DATA, with CRLF and the dot stuffing undone."""

    time: float
    sender: str
    to: list[str]
    data: bytes
    mail_options: list[str] = field(default_factory=list)
    rcpt_options: list[str] = field(default_factory=list)
    helo: str = ""
    tls: bool = False
    login: str | None = None

    @property
    def message(self) -> email.message.EmailMessage:
        """The mail as Python's email package reads it."""
        return email.message_from_bytes(self.data, policy=email.policy.default)

    @property
    def text(self) -> str:
        """The decoded body, line ends as "\\n"."""
        return self.message.get_content().replace("\r\n", "\n")


def _has_aiosmtpd(python: str) -> bool:
    return os.access(python, os.X_OK) and subprocess.run(
        [python, "-c", "import aiosmtpd"], capture_output=True, check=False).returncode == 0


def _python_with_aiosmtpd() -> str:
    private = str(venvs.python("newest"))
    for candidate in (sys.executable, private, "/usr/bin/python3"):
        if _has_aiosmtpd(candidate):
            return candidate
    venvs.ensure("newest")
    return private


class SmtpServer(Server):
    """Keeps each mail with envelope and exact bytes; offers EMAIL_*.

    delay_ms: what each command takes. tls: offer STARTTLS with a certificate of a CA of its own
    (authority.ca, offered as SSL_CERT_FILE) and insist on it. login: (user, password) required.
    max_size: SIZE offered and enforced. Recipients with built-in failures: see smtp_keeper.py.
    """

    def __init__(self, session: Session, name: str = "smtp", delay_ms: int = 0, tls: bool = False,
                 login: tuple[str, str] | None = None, max_size: int = 32 << 20):
        super().__init__(session, name)
        self.port = ports.claim()
        self.store = self.dir / "mails.jsonl"
        self._refusals = self.dir / "refusals.jsonl"
        self.authority = Authority(self.dir) if tls else None
        self._login = login
        self._max_size = max_size
        self._control_path = self.dir / "control.json"
        self._control = {"refuse": False, "delay_ms": delay_ms}
        self._python: str | None = None
        session.offer(self.variables())

    def variables(self) -> dict[str, str]:
        """The settings by which the service finds this server."""
        user, password = self._login or ("", "")
        found = {"EMAIL_HOST": "localhost" if self.authority else "127.0.0.1",
                 "EMAIL_PORT": str(self.port), "EMAIL_USE_TLS": str(self.authority is not None),
                 "EMAIL_HOST_USER": user, "EMAIL_HOST_PASSWORD": password,
                 "DEFAULT_FROM_EMAIL": "noreply@example.com"}
        if self.authority:
            found["SSL_CERT_FILE"] = str(self.authority.ca)
        return found

    def prepare(self) -> None:
        self._python = _python_with_aiosmtpd()
        self._write_control()

    def command(self) -> list[str]:
        options = {"port": self.port, "store": str(self.store), "refusals": str(self._refusals),
                   "control": str(self._control_path),
                   "max_size": self._max_size, "require_tls": True, "login": self._login,
                   "tls": {"cert": str(self.authority.cert), "key": str(self.authority.key)}
                   if self.authority else None}
        return [self._python, str(Path(__file__).with_name("smtp_keeper.py")), json.dumps(options)]

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                return probe.recv(4).startswith(b"220")
        except OSError:
            return False

    def _write_control(self) -> None:
        unfinished = self._control_path.with_suffix(".new")
        unfinished.write_text(json.dumps(self._control))
        unfinished.replace(self._control_path)

    def refuse(self, on: bool) -> None:
        """From now on answers 421 to every command (on), or serves again (off)."""
        self._control["refuse"] = on
        self._write_control()

    def delay(self, milliseconds: int) -> None:
        """From now on every command takes that long."""
        self._control["delay_ms"] = milliseconds
        self._write_control()

    def mails(self) -> list[Mail]:
        """All mails kept so far, in the order of their arrival."""
        if not self.store.exists():
            return []
        found = []
        for line in self.store.read_text().splitlines():
            item = json.loads(line)
            found.append(Mail(item["time"], item["from"], item["to"], base64.b64decode(item["data"]),
                              item["mail_options"], item["rcpt_options"], item["helo"], item["tls"],
                              item["login"]))
        return found

    def refusals(self) -> dict[str, list[float]]:
        """For each recipient that was refused by its rule, the times when it was."""
        found: dict[str, list[float]] = {}
        if self._refusals.exists():
            for line in self._refusals.read_text().splitlines():
                item = json.loads(line)
                found.setdefault(item["to"], []).append(item["time"])
        return found

    @property
    def count(self) -> int:
        """How many mails were kept so far."""
        return self.store.read_bytes().count(b"\n") if self.store.exists() else 0

    def wait_count(self, number: int, seconds: float) -> None:
        """Waits until NUMBER mails have been kept."""
        wait_until(lambda: self.count >= number, seconds, f"{number} mails ({self.name} has {self.count})")
