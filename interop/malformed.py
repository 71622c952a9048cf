"""A thousand messages that nobody can run: the worker goes on, and each lies in quarantine, whole.

python3 -m interop.malformed [--count N] [--seed N]    report: build/report/malformed.tsv

Each message is spoilt in a way that is known to be fatal, by hand or with random bytes and places; some make a
Python worker exit. After our worker has seen them all, nothing of them may be left for a Python worker: not in
the queue and not in unacked. Then a real one serves the same queue and must live. Remote control gets
messages that are spoilt in the same ways.
"""

import argparse
import base64
import json
import random
import sys
import zlib
from collections import Counter

from tests.services import Redis, RedisError, Report, ServiceError, Session, wait_until

from .notes import CNoteWorker, Notes, PythonNoteWorker, is_empty, list_of, message
from .stage import ensure_python

QUARANTINE = "celeriac.quarantine"
PIDBOX = "/0.celery.pidbox"
DEEPER_THAN_ANYBODY = 5000
PIDBOX_SHARE = 5  # one message for remote control to so many for the queue
CASES = ("the worker goes on", "each is in quarantine, byte for byte", "each has a reason",
         "nothing is left for others", "a Python worker serves the queue afterwards",
         "remote control outlives malformed requests")


class Spoiler:
    """Makes messages that cannot be run."""

    def __init__(self, source: random.Random):
        self._random = source
        self._kinds = [self._cut, self._noise, self._no_utf8, self._no_object, self._properties, self._tag, self._headers,
                       self._id, self._task, self._body_text, self._body_json, self._body_shape, self._arguments,
                       self._embed, self._encoding, self._content_type, self._compression, self._times,
                       self._numbers, self._deep_envelope, self._deep_body]

    def make(self, number: int) -> bytes:
        """The message with a number; kinds take turns."""
        made = self._kinds[number % len(self._kinds)](number)
        return made if isinstance(made, bytes) else json.dumps(made).encode()

    # -- the whole ------------------------------------------------------------------------------

    def _good(self, number: int) -> dict:
        return json.loads(message(number, 0))

    def _cut(self, number: int) -> bytes:
        raw = message(number, 0).encode()
        return raw[:self._random.randrange(1, len(raw))]

    def _noise(self, _number: int) -> bytes:
        return b"\xff" + self._random.randbytes(self._random.randrange(1, 400))

    def _no_utf8(self, number: int) -> bytes:
        raw = message(number, 0).encode()
        at = raw.index(b'"test"') + 1
        return raw[:at] + self._random.choice([b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xf5\x80\x80\x80"]) + raw[at:]

    def _no_object(self, number: int) -> bytes:
        words = [b"", b"null", b"true", b"[]", b"[1, 2]", b'"text"', b"12", b"NaN", b" ", b"{", b"{}}", b"{'a': 1}"]
        return self._random.choice(words) + b" " * (number % 97)

    def _deep_envelope(self, number: int) -> bytes:
        raw = message(number, 0).encode()
        return raw[:-1] + b', "x": ' + b"[" * DEEPER_THAN_ANYBODY + b"]" * DEEPER_THAN_ANYBODY + b"}"

    # -- the envelope ---------------------------------------------------------------------------

    def _one_of(self, where: dict, key: str, values: list) -> None:
        """Removes a field or gives it an impossible value; the last of VALUES means to remove."""
        value = self._random.choice(values)
        if value is values[-1]:
            where.pop(key, None)
        else:
            where[key] = value

    def _properties(self, number: int) -> dict:
        good = self._good(number)
        self._one_of(good, "properties", [None, [], "x", 5, [{}], object])
        return good

    def _tag(self, number: int) -> dict:
        good = self._good(number)
        self._one_of(good["properties"], "delivery_tag", [None, "", 5, 1.5, [], {}, True, object])
        return good

    def _headers(self, number: int) -> dict:
        good = self._good(number)
        good["headers"] = self._random.choice([[], "x", 5, [["task", "interop.note"]], True])
        return good

    def _encoding(self, number: int) -> dict:
        good = self._good(number)
        good["properties"]["body_encoding"] = self._random.choice(["hex", "BASE64 ", 5, [], {}, "utf-16"])
        return good

    def _content_type(self, number: int) -> dict:
        good = self._good(number)
        good["content-type"] = self._random.choice(
            ["application/x-python-serialize", "application/x-yaml", "application/x-msgpack", "text/x", 5, []])
        return good

    # -- headers --------------------------------------------------------------------------------

    def _id(self, number: int) -> dict:
        good = self._good(number)
        self._one_of(good["headers"], "id", [None, "", 5, [], {}, object])
        return good

    def _task(self, number: int) -> dict:
        good = self._good(number)
        good["headers"]["task"] = self._random.choice(["", 5, [], {}, True])
        return good

    def _times(self, number: int) -> dict:
        good = self._good(number)
        field = self._random.choice(["eta", "expires"])
        good["headers"][field] = self._random.choice(
            ["soon", "2024-13-45T00:00:00", "2024-01-01T25:00:00", "x" * 300, [], {}, True,
             "2024-01-01T00:00:00+99:99", "99999-01-01T00:00:00"])
        return good

    def _numbers(self, number: int) -> dict:
        good = self._good(number)
        field, value = self._random.choice([("retries", "x"), ("retries", []), ("retries", {}),
                                            ("timelimit", "x"), ("timelimit", {}), ("timelimit", ["x", None])])
        good["headers"][field] = value
        return good

    def _compression(self, number: int) -> dict:
        good = self._good(number)
        body = base64.b64decode(good["body"])
        kind, data = self._random.choice([
            ("application/x-bz2", body), ("application/x-lzma", body), ("no/such", body),
            ("application/x-gzip", body), ("application/x-gzip", zlib.compress(body)[:-5]),
            ("application/x-gzip", b""), ("application/x-gzip", self._random.randbytes(64))])
        good["headers"]["compression"] = kind
        good["body"] = base64.b64encode(data).decode()
        return good

    # -- the body -------------------------------------------------------------------------------

    def _with_body(self, number: int, data: bytes) -> dict:
        good = self._good(number)
        good["body"] = base64.b64encode(data).decode()
        return good

    def _body_text(self, number: int) -> dict:
        good = self._good(number)
        good["body"] = self._random.choice(["A", "====", "W1sx*", "\u00e9", 5, [], {}, True])
        return good

    def _body_json(self, number: int) -> dict:
        return self._with_body(number, self._random.choice(
            [b"{", b"[[1, 0], {}, {}", b"x", b"\xff\xfe", b"", b"[[1, 0], {}, {}]]", b"'[]'",
             self._random.randbytes(50) + b"\xff"]))

    def _body_shape(self, number: int) -> dict:
        return self._with_body(number, json.dumps(self._random.choice(
            [[], [[]], [[1, 0], {}], [[1, 0], {}, {}, {}], {}, "text", 5, None, True])).encode())

    def _arguments(self, number: int) -> dict:
        args, kwargs = self._random.choice([(5, {}), ("ab", {}), ({}, {}), ([1, 0], 5), ([1, 0], []), ([1, 0], "x")])
        return self._with_body(number, json.dumps([args, kwargs, {}]).encode())

    def _embed(self, number: int) -> dict:
        embed = self._random.choice([5, "x", [], {"callbacks": 5}, {"errbacks": "x"}, {"chain": 5}, {"chord": 5}])
        return self._with_body(number, json.dumps([[number, 0], {}, embed]).encode())

    def _deep_body(self, number: int) -> dict:
        deep = b"[" * DEEPER_THAN_ANYBODY + b"]" * DEEPER_THAN_ANYBODY
        return self._with_body(number, b"[[" + deep + b"], {}, {}]")


def quarantined(redis: Redis) -> list[tuple[bytes, str]]:
    """The messages in quarantine with their reasons."""
    found = []
    for raw in redis.call("LRANGE", QUARANTINE, 0, -1):
        entry = json.loads(raw)
        whole = base64.b64decode(entry["message_base64"]) if "message_base64" in entry \
            else entry["message"].encode("utf-8", "surrogatepass")
        found.append((whole, entry["reason"]))
    return found


def run(session: Session, report: Report, count: int, source: random.Random) -> None:
    """Sends, counts, and looks who lives."""
    redis = Redis(session).start()
    notes = Notes(session)
    worker = CNoteWorker(session, notes).start()
    spoiler = Spoiler(source)
    sent: Counter = Counter()
    good = 0
    for start in range(0, count, 50):
        batch = [spoiler.make(number) for number in range(start, min(start + 50, count))]
        sent.update(batch)
        with redis.client() as client:
            client.pipeline([("LPUSH", list_of(priority=source.choice((0, 3, 6, 9))), raw) for raw in batch])
            client.call("LPUSH", list_of(), message(start, 0))
        good += 1
    pid = worker.pid
    try:
        wait_until(lambda: len(notes.all()) == good and is_empty(redis.client), 60, "all to be taken", 0.1)
        problem = ""
    except ServiceError as error:
        problem = str(error)
    report.case(CASES[0], worker.alive and worker.pid == pid and len(notes.all()) == good,
                f"{problem} {len(notes.all())} of {good} good messages between them ran")
    found = quarantined(redis)
    lies = Counter(raw for raw, _ in found)
    absent, surplus = sent - lies, lies - sent
    report.case(CASES[1], not absent and not surplus,
                f"{len(found)} of {count}; absent {list(absent)[:3]}, surplus {list(surplus)[:3]}")
    reasons = Counter(reason for _, reason in found)
    report.case(CASES[2], len(reasons) >= 20 and "none" not in reasons, dict(reasons))
    with redis.client() as client:
        left = {name: client.call(*words) for name, words in
                {"queue": ("LLEN", list_of()), "unacked": ("HLEN", "unacked"),
                 "unacked_index": ("ZCARD", "unacked_index")}.items()}
    report.case(CASES[3], is_empty(redis.client) and not any(left.values()), left)
    _judge_control(report, redis, worker, spoiler, notes, count)
    worker.stop()
    python = PythonNoteWorker(session, notes).start()
    before = len(notes.all())
    redis.call("LPUSH", list_of(), message(count + 1, 0))
    try:
        wait_until(lambda: len(notes.all()) > before, 30, "the Python worker to run a task", 0.1)
    except ServiceError as error:
        print(error, file=sys.stderr)
    report.case(CASES[4], python.alive and len(notes.all()) > before and "Traceback" not in python.log_text(), "")


def _judge_control(report: Report, redis: Redis, worker: CNoteWorker, spoiler: Spoiler, notes: Notes,
                   count: int) -> None:
    requests = [spoiler.make(number) for number in range(count // PIDBOX_SHARE)]
    heard = 0
    with redis.client() as client:
        for raw in requests:
            heard += client.call("PUBLISH", PIDBOX, raw)
    before = len(notes.all())
    redis.call("LPUSH", list_of(), message(count, 0))
    try:
        wait_until(lambda: len(notes.all()) > before, 30, "a task after the requests", 0.1)
    except ServiceError as error:
        print(error, file=sys.stderr)
    report.case(CASES[5], worker.alive and heard == len(requests) and len(notes.all()) > before,
                f"{heard} of {len(requests)} heard")


def main() -> int:
    """Runs what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="of what is random in the messages")
    chosen = parser.parse_args()
    seed = chosen.seed if chosen.seed is not None else random.randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    ensure_python(["newest"])
    report = Report("malformed", CASES)
    try:
        with Session("malformed") as session:
            run(session, report, chosen.count, random.Random(seed))
    except (ServiceError, RedisError, OSError) as problem:
        print(f"broke off: {type(problem).__name__}: {problem}", file=sys.stderr)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
