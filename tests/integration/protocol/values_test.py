"""What is handed over between Python and C: values of every kind and size, and the headers of tracing libraries.

python3 -m tests.integration.protocol.values_test
"""

import json
import math
import subprocess
import sys
import unittest

from tests.integration.protocol.stage import WAIT_S, Stage
from tests.integration.worker.peers import peer_env
from tests.services import ROOT, venvs, wait_until
from tests.services.celeriac import program

BIG = 10 << 20  # bytes of one argument
DEEP = 400  # levels; Python's own decoder gives up before 1,000

# As Python sources, because several of them are no JSON or are not equal to themselves.
PLAIN = """
values = [None, True, False, 0, -1, 2**53, -2**63, 2**64, 2**70, 1.5, -0.0, 1e22, 1e-7, 5e-324, 1.7976931348623157e308,
          float("inf"), float("-inf"), "", "x", "\\u00e9\\u4e2d\\U0001f600", "\\ud800", "'\\"\\\\/\\b\\f\\n\\r\\t\\x00\\x7f", [], {},
          [[], [1, [2, {"a": [3]}]]], {"": 1, "k\\u00e9y": {"nested": [None]}, "__type__": "x"}, [1, "a", None, 2.5, {"b": []}]]
"""
TYPED = """
import datetime, decimal, uuid
values = [datetime.datetime(2024, 1, 2, 3, 4, 5, 678000, datetime.timezone.utc), datetime.date(2024, 1, 2),
          datetime.time(3, 4, 5, 6), decimal.Decimal("1.50"), uuid.UUID(int=5), b"abc", b"\\xff\\xfe"]
"""


class ValuesTest(Stage):
    """The task t.identity of the other side gives back what it got."""

    def through_c(self, values: str, venv: str):
        """Whether each of VALUES comes back from a C worker with its own type and value."""
        return self.python(values + f"""
found = [identity.delay(value).get(timeout={WAIT_S}) for value in values]
answer = [repr(value) for value, back in zip(values, found) if repr(value) != repr(back)]
""", venv)

    def test_checklist_41_python_calls_c_with_every_value(self):
        self.c_worker()
        for venv in self.each_version():
            self.assertEqual(self.through_c(PLAIN, venv), [])
            answer = self.python(f"""
back = identity.delay(float("nan")).get(timeout={WAIT_S})
answer = back != back
""", venv)
            self.assertTrue(answer)

    def test_checklist_40_python_calls_c_with_typed_values(self):
        """Only newer versions write them; 5.2 and 4.4 send texts."""
        self.c_worker()
        self.assertEqual(self.through_c(TYPED, "newest"), [])

    def test_python_calls_c_with_much(self):
        self.c_worker()
        for venv in self.each_version():
            answer = self.python(f"""
text = "\\u00e9" * ({BIG} // 12) + "x" * ({BIG} // 2)
answer = [identity.delay(text).get(timeout={WAIT_S}) == text]
deep = value = []
for _ in range({DEEP}):
    value.append([])
    value = value[0]
answer.append(identity.delay(deep).get(timeout={WAIT_S}) == deep)
numbers = list(range(200000))
answer.append(xsum.delay(numbers).get(timeout={WAIT_S}) == sum(numbers))
""", venv)
            self.assertEqual(answer, [True, True, True])

    def c_calls(self, text: str):
        """The result of t.identity as the C client reads it, for one argument as JSON text."""
        done = subprocess.run([program("celeriac-send", "interop"), "t.identity", "-", "0", str(WAIT_S * 1000)],
                              input=f"[{text}]".encode(), capture_output=True, env=self.session.environment(),
                              check=False, timeout=WAIT_S * 2)
        self.assertEqual(done.returncode, 0, done.stderr[-500:])
        status, _, result = done.stdout.decode().partition("\n")[2].strip().partition(" ")
        self.assertEqual(status, "SUCCESS")
        return json.loads(result)

    def test_checklist_1_c_calls_python_with_every_value(self):
        scope = {}
        exec(PLAIN, scope)  # the same list that Python sends
        for venv in self.each_version():
            worker = self.python_worker(venv, name=venv)
            for value in scope["values"]:
                self.assertEqual(repr(self.c_calls(json.dumps(value))), repr(value))
            self.assertTrue(math.isnan(self.c_calls("NaN")))
            deep = "[" * DEEP + "]" * DEEP
            self.assertEqual(json.dumps(self.c_calls(deep)), deep)
            text = "\u00e9" * (BIG // 12) + "x" * (BIG // 2)
            self.assertEqual(self.c_calls(json.dumps(text)), text)
            self.assertEqual(self.c_calls(json.dumps(text, ensure_ascii=False)), text)
            worker.stop()


TRACED = """
import json, sys
import sentry_sdk
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from sentry_sdk.integrations.celery import CeleryIntegration
from tests.integration.worker.peer_app import patient

trace.set_tracer_provider(TracerProvider())
if "opentelemetry" in sys.argv:
    CeleryInstrumentor().instrument()
if "sentry" in sys.argv:
    sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=lambda envelope: None,
                    default_integrations=False, integrations=[CeleryIntegration(propagate_traces=True)])
with sentry_sdk.start_transaction(name="caller"), trace.get_tracer("test").start_as_current_span("caller"):
    print(patient.delay(1, 600).id)
"""


class TracingTest(Stage):
    """Producers whose calls are followed from process to process."""

    # What each library puts into the headers; Sentry's are there twice, once nested.
    MARKS = {"opentelemetry": {"traceparent"}, "sentry": {"sentry-trace", "baggage", "headers"}}

    def headers_of(self, *command) -> list[dict]:
        """The headers of the messages that a command lists."""
        found = [json.loads(text) for text in self.redis.call(*command)]
        return [(one[0] if isinstance(one, list) else one)["headers"] for one in found]

    def test_checklist_49_tracing_headers_survive_a_retry(self):
        venvs.ensure("tracing")
        for libraries in (("opentelemetry",), ("sentry",), ("opentelemetry", "sentry")):
            with self.subTest(libraries=libraries):
                done = subprocess.run([str(venvs.python("tracing")), "-c", TRACED, *libraries], cwd=ROOT, check=False,
                                      env=peer_env(self.session), capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr[-2000:])
                sent, = self.headers_of("LRANGE", "celery", 0, -1)
                marks = set().union(*(self.MARKS[name] for name in libraries))
                self.assertLessEqual(marks, set(sent))
                self.c_worker()
                wait_until(lambda: any(head["retries"] == 1 for head in self.headers_of("HVALS", "unacked")), WAIT_S,
                           "the retry to wait for its eta")
                again, = self.headers_of("HVALS", "unacked")
                changed = {name for name in sent.keys() | again.keys() if sent.get(name) != again.get(name)}
                self.assertLessEqual(changed, {"retries", "eta", "parent_id"})
                self.assertLessEqual(marks, set(again))
                self.doCleanups()
                self.redis.call("FLUSHALL")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
