"""Runs the recorded REST cases against a running API and compares the answers with the record.

tests/data/rest/cases.json are the requests, in order, with the values that later ones need;
tests/data/rest/django.jsonl is what a deployment answered. Ids, times and keys differ from run to
run: they must have the same form, and an id must stand for the same thing throughout.
"""

import http.client
import json
import re
from pathlib import Path

DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "rest"
# The headers that the record has; the others (Date, Server, Content-Length...) say nothing.
HEADERS = ("content-type", "vary", "allow", "x-tenant-id")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z")
KEY = re.compile(r"(sk_live_|sk_test_)[A-Za-z0-9_-]{43}")

# Where celeriac-api differs from the recorded deployment on purpose (docs/rest.md): status and document.
DELIBERATE = {
    "template duplicate": (400, {"name": ["This field must be unique."]}),
    "notification not a uuid": (404, {"detail": "Not found."}),
    "unknown path": (404, {"detail": "Not found."}),
}


class Difference(Exception):
    """An answer is not what the record says."""


class Matcher:
    """Compares recorded and present answers, remembering which recorded id is which present one."""

    def __init__(self):
        self._present: dict[object, object] = {}

    def _same_id(self, recorded, present, where):
        if self._present.setdefault(recorded, present) != present:
            raise Difference(f"{where}: {recorded} was {self._present[recorded]} before, now {present}")

    def body(self, recorded, present, where="body"):
        """Raises Difference unless PRESENT is RECORDED but for volatile values."""
        if type(recorded) is not type(present):
            raise Difference(f"{where}: expected {recorded!r}, got {present!r}")
        if isinstance(recorded, dict):
            if list(recorded) != list(present):
                raise Difference(f"{where}: expected the fields {list(recorded)}, got {list(present)}")
            for name, value in recorded.items():
                self.field(name, value, present[name], f"{where}.{name}")
        elif isinstance(recorded, list):
            if len(recorded) != len(present):
                raise Difference(f"{where}: expected {len(recorded)} items, got {len(present)}")
            for number, (left, right) in enumerate(zip(recorded, present)):
                self.body(left, right, f"{where}[{number}]")
        elif isinstance(recorded, str):
            self.text(recorded, present, where)
        elif recorded != present:
            raise Difference(f"{where}: expected {recorded!r}, got {present!r}")

    def field(self, name, recorded, present, where):
        """One field of an object; numeric ids may differ but must do so consistently."""
        if name in ("id", "template") and type(recorded) is int and type(present) is int:
            self._same_id((name, recorded), (name, present), where)
        else:
            self.body(recorded, present, where)

    def text(self, recorded, present, where):
        """A text, or what is written as one."""
        if UUID.fullmatch(recorded) and UUID.fullmatch(present):
            self._same_id(recorded, present, where)
        elif TIME.fullmatch(recorded) and TIME.fullmatch(present):
            return
        elif KEY.fullmatch(recorded) and KEY.fullmatch(present) and recorded[:8] == present[:8]:
            return
        elif re.sub(r"ID \d+ ", "ID N ", recorded) != re.sub(r"ID \d+ ", "ID N ", present):
            raise Difference(f"{where}: expected {recorded!r}, got {present!r}")

    def headers(self, recorded, present):
        """The recorded headers, and none of that kind beside them."""
        for name in HEADERS:
            left, right = recorded.get(name), present.get(name)
            if name == "content-type" and left and right:
                right = right.split(";")[0].strip()
            if name == "x-tenant-id" and left and right:
                self._same_id(left, right, "header x-tenant-id")
            elif left != right:
                raise Difference(f"header {name}: expected {left!r}, got {right!r}")


def _fill(value, saved):
    """VALUE with ${name} and ${int:name} replaced by what was saved."""
    if isinstance(value, dict):
        return {name: _fill(item, saved) for name, item in value.items()}
    if isinstance(value, list):
        return [_fill(item, saved) for item in value]
    if isinstance(value, str):
        whole = re.fullmatch(r"\$\{int:(\w+)\}", value)
        if whole:
            return int(saved[whole[1]])
        return re.sub(r"\$\{(\w+)\}", lambda match: str(saved[match[1]]), value)
    return value


def _send(port, case, saved):
    headers = dict(case.get("headers", {}))
    if "auth" in case:
        headers["X-API-KEY"] = saved[case["auth"]]
    data = case.get("body")
    if "json" in case:
        data = json.dumps(_fill(case["json"], saved))
        headers.setdefault("Content-Type", "application/json")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(case["method"], _fill(case["path"], saved), data, headers)
        reply = connection.getresponse()
        raw = reply.read()
        found = {name.lower(): value for name, value in reply.getheaders()}
    finally:
        connection.close()
    if not raw:
        return reply.status, found, None
    if found.get("content-type", "").startswith("application/json"):
        return reply.status, found, json.loads(raw)
    return reply.status, found, {"__text__": raw.decode()}


def names() -> list[str]:
    """The names of all cases in their order."""
    return [case["name"] for case in json.loads((DATA / "cases.json").read_text())]


def run(port, decide):
    """Runs all cases; calls decide(name, passed, detail) for each.

    A case whose needed value was never saved fails, as does one whose answer differs.
    """
    cases = json.loads((DATA / "cases.json").read_text())
    records = [json.loads(line) for line in (DATA / "django.jsonl").read_text().splitlines()]
    if [case["name"] for case in cases] != [record["name"] for record in records]:
        raise ValueError("cases.json and django.jsonl do not belong together")
    matcher, saved = Matcher(), {}
    for case, record in zip(cases, records):
        try:
            status, headers, body = _send(port, case, saved)
            for name, path in case.get("save", {}).items():
                value = body
                for step in path.split("."):
                    value = value[step]
                saved[name] = value
            if status != record["status"]:
                raise Difference(f"expected status {record['status']}, got {status}: {body}")
            matcher.headers(record["headers"], headers)
            matcher.body(record["body"], body)
        except (Difference, KeyError, TypeError, OSError, http.client.HTTPException) as problem:
            decide(case["name"], False, f"{type(problem).__name__}: {problem}")
        else:
            decide(case["name"], True, f"{status}")
