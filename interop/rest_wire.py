"""Requests as they are sent to an API, and what comes back."""

import http.client
import re
import time
from dataclasses import dataclass
from urllib.parse import unquote

PATIENCE_S = 60.0
PAUSE_S = 0.2
# Stands in paths and bodies for an id that the service at hand gave to what an earlier request made.
SYMBOL = re.compile(r"@\{(\w+)\}")
UNKNOWN_ID = "999999999"  # of what was never made
SHOWN_BODY = 600


@dataclass(frozen=True)
class Request:
    """One request. path and body may hold symbols; makes: the symbol for the id that a 201 or 202 brings.

    headers: names may occur twice, Host and Content-Length are added. body: None sends no Content-Length
    unless the method is one that usually has a body. chunked: the body is sent without its length.
    """

    name: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    makes: str = ""
    chunked: bool = False

    def header(self, name: str) -> str | None:
        """The last value of a header, None without one."""
        return next((value for key, value in reversed(self.headers) if key.lower() == name), None)

    def shown(self) -> str:
        """The request as one line of Python, to be sent again."""
        body = self.body if self.body is None or len(self.body) <= SHOWN_BODY else \
            self.body[:SHOWN_BODY] + f"... {len(self.body)} bytes".encode()
        return f"{self.method} {self.path} {dict(self.headers)} body={body!r}"


@dataclass
class Answer:
    """headers: lower case; several of one name are joined by a comma."""

    status: int
    headers: dict[str, str]
    body: bytes
    moved_from: str = ""  # where the request went first, when it was redirected to the path with a slash


def fill(text: str, ids: dict[str, str]) -> str:
    """TEXT with symbols replaced by the service's own ids."""
    return SYMBOL.sub(lambda match: ids.get(match[1], UNKNOWN_ID), text)


def fill_bytes(body: bytes, ids: dict[str, str]) -> bytes:
    """The same for a body, whatever its encoding."""
    return fill(body.decode("latin-1"), ids).encode("latin-1") if b"@{" in body else body


class Client:
    """Sends requests to one service, each on a connection of its own. One thread at a time."""

    def __init__(self, port: int):
        self._port = port

    def send(self, request: Request, ids: dict[str, str]) -> Answer:
        """Sends; follows a redirection to the same path with a slash at its end, and comes again when it is asked to.

        The first use of a key that Django made takes a search, which waits for what else the machine has to do.
        """
        began = time.monotonic()
        while True:
            answer = self._send(request, ids)
            if answer.status != 503 or "retry-after" not in answer.headers or time.monotonic() - began > PATIENCE_S:
                return answer
            time.sleep(PAUSE_S)

    def _send(self, request: Request, ids: dict[str, str]) -> Answer:
        path = fill(request.path, ids)
        body = request.body if request.body is None else fill_bytes(request.body, ids)
        answer = self._exchange(request, path, body)
        base, mark, query = path.partition("?")
        place = answer.headers.get("location", "").partition("?")[0]
        if answer.status == 301 and unquote(place) == unquote(base) + "/":
            answer = self._exchange(request, f"{base}/{mark}{query}", body)
            answer.moved_from = path
        return answer

    def _exchange(self, request: Request, path: str, body: bytes | None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        try:
            connection.putrequest(request.method, path, skip_host=True, skip_accept_encoding=True)
            if request.header("host") is None:
                connection.putheader("Host", f"127.0.0.1:{self._port}")
            for name, value in request.headers:
                connection.putheader(name, value.encode("utf-8"))
            connection.putheader("Connection", "close")
            if body is not None:
                connection.putheader(*(("Transfer-Encoding", "chunked") if request.chunked
                                       else ("Content-Length", str(len(body)))))
            connection.endheaders(body, encode_chunked=request.chunked)
            reply = connection.getresponse()
            headers: dict[str, str] = {}
            for name, value in reply.getheaders():
                known = headers.get(name.lower())
                headers[name.lower()] = value if known is None else f"{known}, {value}"
            return Answer(reply.status, headers, reply.read())
        finally:
            connection.close()
