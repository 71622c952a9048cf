"""An HTTP API that keeps requests and answers by script, with TLS if wanted: Twilio, Google, FCM."""

import json
import socket
import sys
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from . import ports
from .authority import Authority
from .server import Server
from .session import Session


@dataclass(frozen=True)
class ApiRequest:
    """One request. peer: the client's port, the same for all over one connection."""

    time: float
    path: str
    peer: int
    headers: dict[str, str]
    body: str

    @property
    def form(self) -> dict[str, str]:
        """The body of a form."""
        return dict(urllib.parse.parse_qsl(self.body, keep_blank_values=True, strict_parsing=True))

    @property
    def json(self) -> object:
        """The body of a JSON request."""
        return json.loads(self.body)


class ApiServer(Server):
    """Answers each path as answer() says; see api_keeper.py for what an answer has."""

    def __init__(self, session: Session, name: str = "api", tls: bool = False):
        super().__init__(session, name)
        self.port = ports.claim()
        self.authority = Authority(self.dir) if tls else None
        self._store = self.dir / "requests.jsonl"
        self._control_path = self.dir / "control.json"
        self._turn = 0
        self.script({})

    @property
    def url(self) -> str:
        """Its address."""
        return f"https://localhost:{self.port}" if self.authority else f"http://127.0.0.1:{self.port}"

    def script(self, answers: dict[str, list[dict]]) -> None:
        """From now on: the answers of each path, in order; the last one stays. Forgets earlier requests."""
        self._turn += 1
        unfinished = self._control_path.with_suffix(".new")
        unfinished.write_text(json.dumps({"turn": self._turn, "answers": answers}))
        unfinished.replace(self._control_path)
        self._forgotten = len(self._lines())

    def _lines(self) -> list[str]:
        text = self._store.read_text() if self._store.exists() else ""
        return text[:text.rfind("\n") + 1].splitlines()  # the last one may be on its way

    def requests(self, path: str = "") -> list[ApiRequest]:
        """The requests since the last script(), all or those of one path."""
        found = [ApiRequest(**json.loads(line)) for line in self._lines()[self._forgotten:]]
        return [request for request in found if path in ("", request.path)]

    def command(self) -> list[str]:
        options = {"port": self.port, "store": str(self._store), "control": str(self._control_path),
                   "tls": {"cert": str(self.authority.cert), "key": str(self.authority.key)}
                   if self.authority else None}
        return [sys.executable, str(Path(__file__).with_name("api_keeper.py")), json.dumps(options)]

    def ready(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False
