#!/usr/bin/env python3
"""Writes what Celery's own code answers, for the tests of celery_proto/codec.

    pip install celery==5.6.3 kombu==5.6.2
    python3 tests/data/celery/make_expectations.py

No broker is needed. Every line of a .tsv file is a case; columns are separated by tabs, and bytes
other than printable ASCII are written \\xHH, the backslash as \\x5c.

saferepr.tsv  JSON, "args" or "kwargs", saferepr() with 1,024 characters of what kombu reads from it
              (args as a tuple), and with 40
repr.tsv      JSON, repr() of what kombu reads from it
retry.tsv     name, envelope received, envelope that Task.retry() publishes for it
exceptions.tsv  JSON array of arguments, type, module, repr(), last line of the traceback
"""
import base64
import datetime
import decimal
import json
import pathlib
import random
import sys
import traceback
import uuid
import zlib

import celery
from celery import Celery
from celery._state import _task_stack
from celery.app.task import Context
from celery.exceptions import Retry
from celery.utils.saferepr import saferepr
from celery.worker.request import Request
from celery.worker.strategy import hybrid_to_proto2, proto1_to_proto2
from kombu import Exchange, Queue
from kombu.transport import memory
from kombu.utils import json as kombu_json

HERE = pathlib.Path(__file__).parent
RANDOM = random.Random(20261122)


def escape(text):
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(b) if 0x20 <= b < 0x7f and b != 0x5c else "\\x%02x" % b for b in raw)


def write(name, rows):
    with open(HERE / name, "w", encoding="ascii", newline="\n") as out:
        for row in rows:
            out.write("\t".join(escape(column) for column in row) + "\n")


# --- saferepr ------------------------------------------------------------------------------------

WORDS = ["", "a", "it's", 'say "hi"', "both ' and \"", "back\\slash", "tab\there", "new\nline",
         "nul\x00", "\x1b[0m", "h\u00e9", "\u65e5\u672c\u8a9e", "\U0001f600 smile", "\ud800 lone",
         "two words", "many words in a row that go on and on", "x" * 39, "x" * 40, "x" * 41,
         "y" * 1023, "y" * 1024, "y" * 1025, "word " * 300]
NUMBERS = [0, 1, -1, 2 ** 31, 2 ** 70, -2 ** 200, 0.0, -0.0, 1.5, 1e22, 1e-7, 1e300, 123456789.125,
           float("nan"), float("inf"), float("-inf")]
CONSTANTS = [None, True, False]


def value(depth):
    kind = RANDOM.randrange(8 if depth else 5)
    if kind < 2:
        return RANDOM.choice(WORDS[:16])
    if kind < 4:
        return RANDOM.choice(NUMBERS)
    if kind < 5:
        return RANDOM.choice(CONSTANTS)
    if kind < 7:
        return [value(depth - 1) for _ in range(RANDOM.randrange(5))]
    return {RANDOM.choice(WORDS) + str(i): value(depth - 1) for i in range(RANDOM.randrange(4))}


UTC = datetime.timezone.utc
EAST = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
WEST = datetime.timezone(-datetime.timedelta(hours=5))
ODD = datetime.timezone(datetime.timedelta(seconds=3723))
TYPED = [datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, UTC), datetime.datetime(2024, 1, 2, 3, 4, 5),
         datetime.datetime(2024, 1, 2, 3, 4), datetime.datetime(2024, 1, 2), datetime.datetime(1, 1, 1),
         datetime.datetime(2024, 1, 2, 3, 4, 0, 6), datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=EAST),
         datetime.datetime(2024, 1, 2, tzinfo=WEST), datetime.datetime(2024, 1, 2, tzinfo=ODD),
         datetime.date(2024, 1, 2), datetime.time(3, 4, 5, 6), datetime.time(3, 4), datetime.time(0, 0, 7),
         datetime.time(3, 4, tzinfo=UTC), decimal.Decimal("1.50"), decimal.Decimal("-Infinity"),
         decimal.Decimal("1E+400"), decimal.Decimal("sNaN12"), uuid.UUID(int=2 ** 127 + 5), b"abc",
         b"", b"it's \"q\" \\ \n\t\x00", b"\xff\xfe", "h\u00e9".encode(), b"x" * 1023, b"x" * 1024,
         b"x" * 1025, b"x" * 39, b"x" * 40, b"x" * 41, b"\xff" * 60, "\u00e9".encode() * 30]


def saferepr_rows():
    args = [[], [1], [1, 2], [[]], [[1]], [[[]]], [[[1]]], [[[[1]]]], [[[[[1]]]]], [{}], [{"a": {}}],
            [{"a": {"b": {}}}], [{"a": {"b": {"c": 1}}}], [{"a": {"b": {"c": {"d": 1}}}}],
            list(range(400)), [["n"] * 300], [{str(i): i for i in range(200)}], [[[1, 2], [3]], 4]]
    args += [[w] for w in WORDS] + [[w, w] for w in WORDS] + [[[w], 1] for w in WORDS]
    args += [[n] for n in NUMBERS + CONSTANTS]
    # Lengths around the limit, where the ellipsis and the brackets meet.
    args += [["z" * n, 1, [2]] for n in list(range(20, 45)) + list(range(1010, 1030))]
    args += [[1] * n for n in list(range(8, 18)) + list(range(335, 345))]
    args += [[[[1] * n] * 2] for n in range(2, 14)]
    args += [[value(4) for _ in range(RANDOM.randrange(6))] for _ in range(300)]
    kwargs = [{}, {"y": 2}, {"it's": 1}, {"a": [], "b": {}}] + [{w: w} for w in WORDS]
    kwargs += [{"k" * n: 1, "b": [1]} for n in range(25, 45)]
    kwargs += [{WORDS[i % 16] + str(i): value(3) for i in range(RANDOM.randrange(6))}
               for _ in range(200)]
    args += [[t] for t in TYPED] + [[[[t, 1]]] for t in TYPED] + [[[[[t]]]] for t in TYPED[:3]]
    args += [["w" * n, t] for n in range(5, 40, 5) for t in TYPED]
    for a in args:
        text = kombu_json.dumps(a)
        loaded = tuple(kombu_json.loads(text))
        yield text, "args", saferepr(loaded, 1024), saferepr(loaded, 40)
    for k in kwargs:
        text = json.dumps(k)
        loaded = json.loads(text)
        yield text, "kwargs", saferepr(loaded, 1024), saferepr(loaded, 40)


def repr_rows():
    values = WORDS + NUMBERS + CONSTANTS + [[w] for w in WORDS] + [{"k": w} for w in WORDS[:12]]
    values += [value(4) for _ in range(200)]
    # One of each kind of character that repr() escapes, and neighbours that it does not.
    values += [chr(c) for c in
               [0x7f, 0x80, 0xa0, 0xa1, 0xac, 0xad, 0xae, 0x300, 0x600, 0x606, 0x61c, 0x200b, 0x2010,
                0x2028, 0x202f, 0x2030, 0x205f, 0x2060, 0x3000, 0x3001, 0xd7a3, 0xe000, 0xf8ff, 0xfeff,
                0xfffd, 0xffff, 0x10000, 0x110bd, 0x1d173, 0xe0001, 0xf0000, 0x10ffff]]
    values += TYPED + [TYPED]
    for v in values:
        text = kombu_json.dumps(v)
        yield text, repr(kombu_json.loads(text))


# --- exceptions ----------------------------------------------------------------------------------

def exception_rows():
    class Custom(Exception):
        pass

    Custom.__module__ = "proj"
    Custom.__qualname__ = "Custom"
    kinds = [ValueError, KeyError, RuntimeError, celery.exceptions.TaskRevokedError, Custom]
    for args in ([], ["kaboom"], ["kaboom", 3], [None], [[1, 2]], [{"a": "it's"}], ["h\u00e9\n"], [1.5],
                 [""], ["", ""]):
        for kind in kinds:
            e = kind(*args)
            line = "".join(traceback.format_exception_only(kind, e))[:-1]
            yield json.dumps(args), kind.__qualname__, kind.__module__, repr(e), line


# --- retry ---------------------------------------------------------------------------------------

app = Celery("expectations", broker="memory://", backend="cache+memory://")


@app.task(bind=True, name="t.retry", max_retries=None)
def retry_task(self, *args, **kwargs):
    pass


sent = []


class Channel(memory.Channel):
    def _put(self, queue, message, **kwargs):
        sent.append(json.dumps(message))


memory.Transport.Channel = Channel


def retried(envelope, **options):
    """What Task.retry() publishes when a worker runs this envelope."""
    payload = json.loads(envelope)
    with app.connection_for_write() as connection:
        message = connection.default_channel.Message(payload, channel=connection.default_channel)
    body = message.decode()
    if "task" in message.headers and not isinstance(body, dict):
        body, headers, decoded, utc = message.body, message.headers, False, True
    elif "args" in body:
        body, headers, decoded, utc = hybrid_to_proto2(message, body)
    else:
        body, headers, decoded, utc = proto1_to_proto2(message, body)
    request = Request(
        message, app=app, task=retry_task, hostname="celery@host1", body=body, headers=headers,
        decoded=decoded, utc=utc)
    args, kwargs, embed = request._Request__payload
    data = dict(request._request_dict)
    data.update({"args": args, "kwargs": kwargs, "hostname": "celery@host1", "is_eager": False},
                **(embed or {}))
    sent.clear()
    retry_task.request_stack.push(Context(data, args=args, called_directly=False, kwargs=kwargs))
    _task_stack.push(retry_task)
    try:
        retry_task.retry(**options)
    except Retry:
        pass
    finally:
        _task_stack.pop()
        retry_task.request_stack.pop()
    assert len(sent) == 1, sent
    return sent[0]


def envelope(headers, body, content_type="application/json", encoding="base64", properties=None,
             delivery_info=None, compress=False):
    raw = json.dumps(body)
    data = raw
    if compress:
        data = base64.b64encode(zlib.compress(raw.encode())).decode()
    elif encoding == "base64":
        data = base64.b64encode(raw.encode()).decode()
    props = {"correlation_id": headers.get("id", "id-1"), "reply_to": "reply-1", "delivery_mode": 2,
             "delivery_info": delivery_info or {"exchange": "", "routing_key": "celery"},
             "priority": 0, "body_encoding": encoding, "delivery_tag": "tag-1"}
    props.update(properties or {})
    return json.dumps({"body": data, "content-encoding": "utf-8", "content-type": content_type,
                       "headers": headers, "properties": props})


def full_headers(**changes):
    headers = {"lang": "py", "task": "t.retry", "id": "id-1", "shadow": None, "eta": None,
               "expires": None, "group": None, "group_index": None, "retries": 0,
               "timelimit": [None, None], "root_id": "id-1", "parent_id": None, "argsrepr": "(1,)",
               "kwargsrepr": "{}", "origin": "gen1@host", "ignore_result": False,
               "replaced_task_nesting": 0, "stamped_headers": None, "stamps": {}}
    headers.update(changes)
    return headers


def retry_rows():
    plain = [[1], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]
    signature = {"task": "t.next", "args": [3], "kwargs": {}, "options": {"task_id": "id-2", "new": 1},
                 "subtask_type": None, "immutable": False, "from_the_future": [1]}
    rich = [[1, "h\u00e9", [2, {"a": None}]], {"k": 1.5},
            {"callbacks": [signature], "errbacks": [signature], "chain": [signature, signature],
             "chord": signature}]
    v1 = {"task": "t.retry", "id": "id-1", "args": [1, 2], "kwargs": {"a": 1}, "group": None,
          "retries": 0, "eta": None, "expires": None, "utc": True, "callbacks": None,
          "errbacks": None, "timelimit": [None, None], "taskset": None, "chord": None}
    far = "2030-01-02T03:04:05.678901+00:00"
    cases = {
        "plain": (envelope(full_headers(), plain), {}),
        "second retry": (envelope(full_headers(retries=1, parent_id="id-1",
                                               eta="2026-11-22T20:35:16.567076+00:00"), plain,
                                  properties={"origin": "gen1@host"}), {}),
        "at once": (envelope(full_headers(), plain), {"countdown": 0}),
        "everything set": (envelope(
            full_headers(shadow="sh", expires=far, group="g-1", group_index=2, retries=4,
                         timelimit=[30, 20.5], root_id="r-1", parent_id="p-1",
                         argsrepr="(old)", kwargsrepr="{old}", replaced_task_nesting=1,
                         stamped_headers=["m"], stamps={"m": ["x"]}), rich,
            properties={"priority": 5, "correlation_id": "id-1", "expiration": "5"}), {}),
        "custom headers": (envelope(full_headers(**{"x-c": "v", "x-d": {"n": [1, None]}}), plain), {}),
        "redelivered": (envelope(full_headers(redelivered=True), plain,
                                 delivery_info={"exchange": "", "routing_key": "celery",
                                                "redelivered": True}), {}),
        "other queue": (envelope(full_headers(), plain,
                                 delivery_info={"exchange": "", "routing_key": "other"},
                                 properties={"priority": 9}), {}),
        "beyond the priorities": (envelope(full_headers(), plain, properties={"priority": 12}), {}),
        "headers of 4.4": (envelope({k: v for k, v in list(full_headers().items())[:15]
                                     if k != "ignore_result"}, plain), {}),
        "headers of 5.2": (envelope({k: v for k, v in full_headers().items()
                                     if k not in ("replaced_task_nesting", "stamped_headers",
                                                  "stamps")}, plain), {}),
        "named exchange": (envelope(full_headers(), plain,
                                    delivery_info={"exchange": "ex1", "routing_key": "rk1"}), {}),
        "protocol 1": (envelope({}, v1), {}),
        "protocol 1, rich": (envelope({}, dict(
            v1, callbacks=[signature], errbacks=[signature], chord=signature, expires=far, retries=2,
            timelimit=[10, 5], group="g-1", taskset="g-1")), {}),
    }
    with app.connection_for_write() as connection:
        Queue("q1", Exchange("ex1"), routing_key="rk1")(connection.default_channel).declare()
    for name, (before, options) in cases.items():
        options.setdefault("countdown", 10)
        yield name, before, retried(before, **options)


assert celery.__version__ == "5.6.3", celery.__version__
write("saferepr.tsv", saferepr_rows())
write("repr.tsv", repr_rows())
write("exceptions.tsv", exception_rows())
write("retry.tsv", retry_rows())
sys.stdout.write("written\n")
