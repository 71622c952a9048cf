"""Answers of two services made comparable: ids, times and keys differ, and must do so consistently."""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from .rest_wire import Answer, Request
from .rest_world import NEXT_ID

# The others (Date, Server, Content-Length, X-Request-ID, Django's security headers) are each server's own.
HEADERS = ("content-type", "allow", "vary", "x-tenant-id", "www-authenticate", "retry-after", "location")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
OF_THE_WORLD = re.compile(r"[0-9a-f]{8}-0000-4000-8000-")
TIME = re.compile(r"(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d{6})?Z")
KEY = re.compile(r"(sk_live_|sk_test_)[A-Za-z0-9_-]{43}")
TEMPLATE_ID = re.compile(r"(Template with ID )(\d+)( not found)")


@dataclass(frozen=True)
class Number:
    """A JSON number as it is spelt: 1.0 is not 1."""

    text: str


class Members(list):
    """The members of a JSON object in their order."""

    def get(self, name: str) -> object:
        """The value of the last member of that name, None without one."""
        return next((value for key, value in reversed(self) if key == name), None)


def document(body: bytes) -> object:
    """BODY as JSON; Number and Members for what Python would lose. None when it is no JSON."""
    try:
        return json.loads(body, parse_int=Number, parse_float=Number, parse_constant=Number, object_pairs_hook=Members)
    except ValueError:
        return None


class Normaliser:
    """Knows by which ids one service knows what the requests made: symbol -> id."""

    def __init__(self, ids: dict[str, str]):
        self._symbols = {(symbol[0], number): symbol for symbol, number in ids.items()}
        now = datetime.now(timezone.utc)
        self._days = {(now + timedelta(days=day)).date().isoformat() for day in (-1, 0, 1)}

    def body(self, request: Request, answer: Answer) -> object:
        """The document of an answer; None when it has none."""
        kind = "k" if request.path.startswith(("/v1/api-keys", "/v1/tenants")) else "t"
        return self._value(document(answer.body), "", kind)

    def _value(self, value: object, name: str, kind: str) -> object:
        if isinstance(value, Members):
            return Members((key, self._value(item, key, kind)) for key, item in value)
        if isinstance(value, list):
            return [self._value(item, "", kind) for item in value]
        if isinstance(value, Number) and name in ("id", "template"):
            return self._number(value, "t" if name == "template" else kind)
        return self._text(value) if isinstance(value, str) else value

    def _number(self, value: Number, kind: str) -> object:
        if (kind, value.text) in self._symbols:
            return f"<{self._symbols[kind, value.text]}>"
        return "<new id>" if value.text.isdigit() and int(value.text) > NEXT_ID and len(value.text) < 9 else value

    def _text(self, text: str) -> str:
        if UUID.fullmatch(text) and not OF_THE_WORLD.match(text):
            symbol = self._symbols.get(("n", text))
            return f"<{symbol}>" if symbol else "<new uuid>"
        time = TIME.fullmatch(text)
        if time and time[1] in self._days:
            return "<now>"
        if KEY.fullmatch(text):
            return f"{text[:8]}..."
        return TEMPLATE_ID.sub(lambda match: f"{match[1]}{self._symbols.get(('t', match[2]), match[2])}{match[3]}", text)


def headers(answer: Answer, names: tuple[str, ...] = HEADERS) -> dict[str, str]:
    """Those headers that say something to a client."""
    found = {name: answer.headers[name] for name in names if name in answer.headers}
    if "x-tenant-id" in found and not OF_THE_WORLD.match(found["x-tenant-id"]):
        found["x-tenant-id"] = "<new uuid>"
    return found


def first_difference(left: object, right: object, where: str = "body") -> str:
    """Where two documents differ first and how; empty when they are the same."""
    if type(left) is not type(right):
        return f"{where}: {_shown(left)} there, {_shown(right)} here"
    if isinstance(left, Members):
        if [key for key, _ in left] != [key for key, _ in right]:
            return f"{where}: fields {[key for key, _ in left]} there, {[key for key, _ in right]} here"
        parts = (first_difference(item, other, f"{where}.{key}") for (key, item), (_, other) in zip(left, right))
        return next((part for part in parts if part), "")
    if isinstance(left, list):
        if len(left) != len(right):
            return f"{where}: {len(left)} items there, {len(right)} here"
        parts = (first_difference(item, other, f"{where}[{at}]") for at, (item, other) in enumerate(zip(left, right)))
        return next((part for part in parts if part), "")
    return "" if left == right else f"{where}: {_shown(left)} there, {_shown(right)} here"


def _shown(value: object) -> str:
    text = value.text if isinstance(value, Number) else ascii(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"
