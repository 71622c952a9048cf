"""Clients of each side with workers of the other, in three versions of Celery: the newest, 5.2 and 4.4.

python3 -m tests.integration.protocol.clients_test
"""

import json
import subprocess
import sys
import unittest

from tests.integration.protocol.stage import VERSIONS, WAIT_S, Stage
from tests.services import wait_until
from tests.services.celeriac import program

TEXT = "\u00e9\U0001f600 'x'"


class CClientTest(Stage):
    """Our client, Python's workers."""

    def test_checklist_1_python_workers_run_what_c_sends(self):
        clients = {venv: self.client(venv) for venv in VERSIONS}
        for venv in self.each_version():
            self.python_worker(venv, "-Q", venv, name=venv)
            for task, args, wanted in (("t.add", [2, 3], {"state": "SUCCESS", "value": 5}),
                                       ("t.identity", [TEXT], {"state": "SUCCESS", "value": TEXT}),
                                       ("t.boom", [], {"state": "FAILURE", "value": "ValueError('kaboom')"}),
                                       # Not at once: Celery may write RETRY over the success of the next attempt.
                                       ("p.slow_retry", [1], {"state": "SUCCESS", "value": 1})):
                number = self.tool("call", task, "-a", json.dumps(args), "--queue", venv)["task_id"]
                for reader, client in clients.items():
                    self.assertEqual(client.get(number), wanted, f"{task} read by {reader}")

    def test_checklist_1_11_options_reach_python_workers(self):
        clients = {venv: self.client(venv) for venv in VERSIONS}
        for venv in self.each_version():
            self.python_worker(venv, "-Q", venv, name=venv)
            number = self.tool("call", "t.add", "-k", '{"x": 4, "y": 5}', "--task-id", f"id of {venv}", "--queue", venv,
                               "--priority", "6", "--countdown", "0.3", "--headers", '{"h": [1]}')["task_id"]
            self.assertEqual(number, f"id of {venv}")
            self.assertEqual(clients[venv].get(number), {"state": "SUCCESS", "value": 9})
            late = self.tool("call", "t.add", "-a", "[1, 2]", "--queue", venv, "--expires",
                             "2001-01-01T00:00:00+00:00")["task_id"]
            self.assertEqual(clients[venv].get(late), {"state": "REVOKED", "value": "TaskRevokedError('expired')"})

    def test_checklist_11_compression_and_stamps_reach_python_workers(self):
        """A long body, so that compression has something to do; what 4.4 has no stamps for it ignores."""
        words = ["x" * 20_000, TEXT]
        for venv in self.each_version():
            self.python_worker(venv, "-Q", venv, name=venv)
            number = self.tool("call", "p.request", "-a", json.dumps(words), "--queue", venv, "--compression", "gzip",
                               "--serializer", "json", "--stamps", '{"tenant": "t1", "tags": ["a", "b"]}')["task_id"]
            found = self.tool("result", number, "-t", str(WAIT_S))["result"]
            self.assertEqual(found["args"], words)
            self.assertEqual(found["stamps"], {"tenant": "t1", "tags": ["a", "b"]})
        for option, value in (("--serializer", "pickle"), ("--compression", "bzip2"), ("--exchange", "media"),
                              ("--routing-key", "key"), ("--exchange-type", "fanout"), ("--stamps", "[1]")):
            done = subprocess.run([program("celeriac"), "call", "t.add", option, value], env=self.session.environment(),
                                  check=False, capture_output=True, text=True, timeout=WAIT_S)
            self.assertNotEqual(done.returncode, 0, option)
            self.assertRegex(done.stderr, "serializer|compression|exchange|routing_key|stamps")
        self.assertEqual(self.redis.call("LLEN", "celery"), 0)

    def test_checklist_12_exchanges_of_python_workers(self):
        """A topic exchange by its patterns, a direct one by its keys; without a bound queue the message is dropped."""
        self.python_worker("newest", "-Q", "other")
        client = self.client()
        client.control("add_consumer", "py@test", {"queue": "video", "exchange": "media", "exchange_type": "topic",
                                                   "routing_key": "media.video.#"})
        client.control("add_consumer", "py@test", {"queue": "image", "exchange": "pictures", "routing_key": "big"})
        for exchange, key, kind in (("media", "media.video.h264", "topic"), ("pictures", "big", "direct")):
            number = self.tool("call", "p.request", "--exchange", exchange, "--routing-key", key, "--exchange-type", kind,
                               "--priority", "3")["task_id"]
            found = self.tool("result", number, "-t", str(WAIT_S))["result"]
            self.assertEqual((found["exchange"], found["routing_key"], found["priority"]), (exchange, key, 3))
        # Nobody takes anything any more: what goes to a queue all the same stays there to be seen.
        for queue in ("video", "image"):
            client.control("cancel_consumer", "py@test", {"queue": queue})
        for exchange, key, kind in (("media", "media.audio", "topic"), ("pictures", "bigger", "direct")):
            self.tool("call", "p.request", "--exchange", exchange, "--routing-key", key, "--exchange-type", kind,
                      "--priority", "3")
        lists = [name + suffix for name in ("video", "image", "celery") for suffix in ("", "\x06\x163")]
        self.assertEqual(self.redis.call("EXISTS", *lists), 0)

    def test_checklist_64_waits_for_python_workers(self):
        for venv in self.each_version():
            self.python_worker(venv, "-Q", venv, name=venv)
            for task, args, wanted in (("p.progress", [0.5], "done"), ("p.slow_retry", [0.5], 1)):
                number = self.tool("call", task, "-a", json.dumps(args), "--queue", venv)["task_id"]
                found = self.tool("result", number, "-t", str(WAIT_S))
                self.assertEqual((found["status"], found["result"]), ("SUCCESS", wanted), task)
                # Once more, now that it is there.
                self.assertEqual(self.tool("result", number, "-t", "1"), found)
            number = self.tool("call", "t.boom", "--queue", venv)["task_id"]
            found = self.tool("result", number, "-t", str(WAIT_S), status=1)
            self.assertEqual(found["status"], "FAILURE")
            self.assertEqual(found["result"],
                             {"exc_type": "ValueError", "exc_message": ["kaboom"], "exc_module": "builtins"})
            self.assertIn("ValueError: kaboom", found["traceback"])

    def test_checklist_64_the_states_before_the_end_do_not_end_a_wait(self):
        self.python_worker("newest")
        number = self.tool("call", "p.progress", "-a", "[2]")["task_id"]
        record = f"celery-task-meta-{number}"
        for state in ("STARTED", "HALFWAY"):
            wait_until(lambda state=state: (json.loads(self.redis.call("GET", record) or "{}").get("status")) == state,
                       WAIT_S, state)
        self.assertEqual(self.tool("result", number, "-t", str(WAIT_S))["status"], "SUCCESS")


class PythonClientTest(Stage):
    """Python's clients, our worker."""

    def test_checklist_35_63_results_and_errors(self):
        self.c_worker()
        for venv in self.each_version():
            answer = self.python(f"""
answer = [add.delay(2, 3).get(timeout={WAIT_S}), identity.delay({TEXT!r}).get(timeout={WAIT_S})]
try:
    boom.delay().get(timeout={WAIT_S})
except ValueError as error:
    answer.append(repr(error))
answer.append(boom.delay().get(timeout={WAIT_S}, propagate=False).args)
answer.append(flaky.delay().get(timeout={WAIT_S}))
from celery.exceptions import TaskRevokedError, TimeoutError
try:
    add.apply_async((1, 2), expires=-5).get(timeout={WAIT_S})
except TaskRevokedError as error:
    answer.append(repr(error))
""", venv)
            self.assertEqual(answer, [5, TEXT, "ValueError('kaboom')", ["kaboom"], 1, "TaskRevokedError('expired')"])

    def test_checklist_63_times_out_and_can_be_asked_again(self):
        self.c_worker()
        for venv in self.each_version():
            answer = self.python(f"""
from celery.exceptions import TimeoutError
result = sleep.delay(1.5)
try:
    result.get(timeout=0.2)
    answer = ["no timeout"]
except TimeoutError:
    answer = [result.state, result.get(timeout={WAIT_S}), result.ready()]
""", venv)
            self.assertEqual(answer, ["PENDING", "slept", True])

    def test_checklist_63_waits_without_asking(self):
        """The end is announced: nobody reads the record while it waits."""
        self.c_worker()
        self.redis.call("CONFIG", "RESETSTAT")
        self.python(f"answer = sleep.delay(2).get(timeout={WAIT_S})")
        calls = {line.split(":")[0]: int(line.split("calls=")[1].split(",")[0])
                 for line in self.redis.call("INFO", "commandstats").decode().splitlines() if "calls=" in line}
        self.assertLess(calls.get("cmdstat_get", 0), 10)

    def test_checklist_37_protocol_1_of_every_version(self):
        self.c_worker()
        for venv in self.each_version():
            answer = self.python(f"""
app.conf.task_protocol = 1
answer = [add.delay(2, 3).get(timeout={WAIT_S}), (add.s(1, 2) | add.s(10)).delay().get(timeout={WAIT_S})]
""", venv)
            self.assertEqual(answer, [5, 13])


class CanvasTest(Stage):
    """Canvases of each version, run by C workers alone; those of the newest are in canvas_test.py."""

    def test_checklist_14_70_chains_and_groups_of_every_version(self):
        self.c_worker(name="c1")
        self.c_worker(name="c2")
        for venv in self.each_version():
            answer = self.python(f"""
from celery import chain, group
answer = [chain(add.s(1, 2), mul.s(5), add.s(1)).delay().get(timeout={WAIT_S}),
          group(add.s(i, i) for i in range(10)).delay().get(timeout={WAIT_S})]
linked = add.apply_async((1, 2), link=mul.s(10))
answer.append(linked.get(timeout={WAIT_S}))
""", venv)
            self.assertEqual(answer, [16, [2 * i for i in range(10)], 3])

    def test_checklist_75_76_chords_of_every_version(self):
        """Celery 4.4 says the size of a chord in the message and writes no key for it."""
        self.c_worker(name="c1")
        self.c_worker(name="c2")
        for venv in self.each_version():
            answer = self.python(f"""
from celery import chord
from celery.exceptions import ChordError
answer = [chord([mul.s(i, 2) for i in range(n)])(xsum.s()).get(timeout={WAIT_S}) for n in (2, 5, 40)]
body = chord([mul.s(1, 2), boom.s(), mul.s(2, 2)])(xsum.s())
try:  # by its id, because the result that knows its header raises that one's error
    app.AsyncResult(body.id).get(timeout={WAIT_S})
except ChordError as error:
    answer.append("raised ValueError('kaboom')" in str(error))
""", venv)
            self.assertEqual(answer, [2, 20, 1560, True])

    def test_checklist_77_groups_are_saved_and_restored(self):
        self.c_worker()
        saved = {}
        for venv in self.each_version():
            saved[venv] = self.python(f"""
from celery import group
result = group(mul.s(i, 3) for i in range(4)).apply_async()
result.save()
answer = [result.id, result.get(timeout={WAIT_S})]
""", venv)
            self.assertEqual(saved[venv][1], [0, 3, 6, 9])
        for venv in self.each_version():
            for number, wanted in saved.values():
                self.assertEqual(self.python(f"""
from celery.result import GroupResult
answer = GroupResult.restore({number!r}, app=app).get(timeout={WAIT_S})
""", venv), wanted)


class RelayTest(Stage):
    """One task whose attempts are made by both sides in turn."""

    def held(self, retries: int) -> list[dict]:
        """The messages of that attempt which somebody holds until their eta."""
        found = [json.loads(text)[0] for text in self.redis.call("HVALS", "unacked")]
        return [message for message in found if message["headers"]["retries"] == retries]

    def test_checklist_55_retries_go_on_at_the_other_side(self):
        for venv in self.each_version():
            client = self.client(venv)
            number = client.send("t.patient", 2, 3)
            for attempt in (1, 2):
                worker = self.c_worker() if attempt == 1 else self.python_worker(venv, name=f"py-{venv}")
                message, = wait_until(lambda r=attempt: self.held(r), WAIT_S, f"attempt {attempt} to end")
                # Not every Celery gives back what it has only just taken when it is told to stop, so it is not asked to.
                worker.kill()
                self.redis.call("FLUSHALL")
                self.redis.call("LPUSH", "celery", json.dumps(message))
            self.c_worker()
            self.assertEqual(client.get(number), {"state": "SUCCESS", "value": 2})
            self.doCleanups()
            wait_until(self.idle, WAIT_S, "nothing to be left")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
