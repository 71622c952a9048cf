"""Celery's inspect and control commands on a C worker beside a Python worker, by several Celery versions:
python3 -m tests.integration.worker.control_test"""

import base64
import json
import pickle
import random
import statistics
import time
import unittest
import uuid

from tests.integration.worker.peers import Client, PythonWorker, TaskWorker, celery, test_venvs
from tests.services import Redis, Session, wait_until

# Members whose presence depends on the kind of pool or on who runs; docs/operations.md names them.
POOL_ONLY = {"threads", "free-threads", "running-threads"}


def shape(value):
    """Types instead of values; an object keeps its keys, an array shows its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


class Stage(unittest.TestCase):
    """Redis, a C and a Python worker with queues of their own, clients of several versions."""

    c_words: tuple[str, ...] = ("qc",)
    py_options: tuple[str, ...] = ("-Q", "qpy")
    with_python = True

    @classmethod
    def setUpClass(cls):
        cls.session = Session("control")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.c = TaskWorker(cls.session, "c", words=cls.c_words).start()
        if cls.with_python:
            cls.py = PythonWorker(cls.session, "py", options=cls.py_options).start()
        cls.clients = {}
        for venv in test_venvs():
            cls.clients[venv] = Client(cls.session, venv)
            cls.addClassCleanup(cls.clients[venv].close)
        cls.client = cls.clients[test_venvs()[0]]

    @classmethod
    def tearDownClass(cls):
        # A sanitizer's complaints show in the exit code.
        if cls.c.alive and cls.c.stop() != 0:
            cls.c.print_log()
            raise AssertionError(f"the worker ended with {cls.c.exit_code}")

    def both(self, name, arguments=None, kind="inspect", client=None):
        """What both workers answer to a command."""
        ask = getattr(client or self.client, kind)
        return ask(name, self.c.nodename, arguments), ask(name, self.py.nodename, arguments)

    def held(self, count, node, queue, name="t.hold"):
        """Starts as many tasks, which run until the file is removed; returns it and their ids."""
        file = self.session.dir / "held"
        file.touch()
        self.addCleanup(file.unlink, missing_ok=True)
        tasks = [self.client.send(name, str(file), queue=queue) for _ in range(count)]
        wait_until(lambda: {task["id"] for task in self.client.inspect("active", node.nodename) or ()} >= set(tasks), 60,
                   f"{count} to run")
        return file, tasks

    def each_client(self):
        for venv, client in self.clients.items():
            with self.subTest(client=venv):
                yield client


class InspectTest(Stage):
    """Commands that show."""

    def same_shape(self, name, arguments=None):
        for client in self.each_client():
            ours, theirs = self.both(name, arguments, client=client)
            self.assertEqual(shape(ours), shape(theirs), name)

    def test_checklist_82_ping_and_clock(self):
        for client in self.each_client():
            ours, theirs = self.both("ping", client=client)
            self.assertEqual(ours, theirs)
            ours, theirs = self.both("clock", client=client)
            self.assertEqual(shape(ours), shape(theirs))

    def test_checklist_82_empty_lists(self):
        for name in ("active", "reserved", "scheduled", "revoked"):
            ours, theirs = self.both(name)
            self.assertEqual((ours, theirs), ([], []), name)

    def test_checklist_82_active_queues(self):
        for client in self.each_client():
            ours, theirs = self.both("active_queues", client=client)
            theirs = json.loads(json.dumps(theirs).replace('"qpy"', '"qc"'))
            self.assertEqual(ours, theirs)

    def test_checklist_82_registered(self):
        for client in self.each_client():
            ours, theirs = self.both("registered", client=client)
            self.assertEqual(ours, [t for t in theirs if t != "t.python_only"])
        ours, theirs = self.both("registered", {"*": ["acks_late"]})
        self.assertEqual(ours, [t for t in theirs if not t.startswith("t.python_only ")])
        ours, theirs = self.both("dump_tasks", {"builtins": True})
        self.assertEqual({t.split()[0] for t in theirs} - {t.split()[0] for t in ours},
                         {"t.python_only", "celery.chord_unlock"})

    def test_checklist_82_stats(self):
        for client in self.each_client():
            ours, theirs = self.both("stats", client=client)
            ours, theirs = shape(ours), shape(theirs)
            self.assertEqual(set(ours["pool"]) - POOL_ONLY, set(theirs["pool"]) - POOL_ONLY)
            self.assertEqual(ours["broker"], {**theirs["broker"], "userid": ours["broker"]["userid"]})
            for part in (ours, theirs):
                part["total"] = {}
                part.pop("pool")
                part.pop("broker")
            self.assertEqual(ours, theirs)

    def test_checklist_82_conf_and_report(self):
        ours, theirs = self.both("conf")
        for name in ("broker_url", "result_backend"):
            # Python masks even a password that is not there.
            self.assertEqual(ours[name], theirs[name].replace(":********@", ""), name)
        ours, theirs = self.both("report")
        self.assertEqual(shape(ours), shape(theirs))
        for word in ("software ->", "platform ->", "settings -> transport:redis"):
            self.assertIn(word, ours["ok"])

    def test_memory(self):
        ours = self.client.inspect("memsample", self.c.nodename)
        self.assertRegex(ours, r"^\d+\.\d+MB$")
        self.assertIn("rss", self.client.inspect("memdump", self.c.nodename))
        self.assertIn("NotImplementedError", self.client.inspect("objgraph", self.c.nodename)["error"])

    def test_checklist_82_tasks_at_every_stage(self):
        """Two run, one waits for a thread, one for its eta: on both workers."""
        found = []
        for node, queue in ((self.c, "qc"), (self.py, "qpy")):
            file, running = self.held(2, node, queue)
            waiting = self.client.send("t.sleep", 0, queue=queue)
            later = self.client.send("t.add", 1, 2, queue=queue, countdown=60)
            wait_until(lambda node=node: self.client.inspect("scheduled", node.nodename), 20, "the eta")
            wait_until(lambda node=node: self.client.inspect("reserved", node.nodename), 20, "one reserved")
            lists = {name: self.client.inspect(name, node.nodename) for name in ("active", "reserved", "scheduled")}
            lists["query"] = self.client.inspect("query_task", node.nodename, {"*": [running[0], waiting, "none"]})
            self.assertEqual({t["id"] for t in lists["active"]}, set(running))
            self.assertEqual([t["id"] for t in lists["reserved"]], [waiting])
            self.assertEqual([t["request"]["id"] for t in lists["scheduled"]], [later])
            self.assertEqual({i: state for i, (state, _) in lists["query"].items()},
                             {running[0]: "active", waiting: "reserved"})
            lists["safe"] = self.client.inspect("active", node.nodename, {"safe": True})
            lists["query"] = list(lists["query"].values())
            found.append(lists)
            file.unlink()
            for task in [*running, waiting]:
                self.client.get(task)
        ours, theirs = found
        self.assertEqual(shape(ours), shape(theirs))
        for name in ("args", "kwargs", "name", "type", "acknowledged"):
            self.assertEqual(ours["active"][0][name], theirs["active"][0][name], name)
            self.assertEqual(ours["reserved"][0][name], theirs["reserved"][0][name], name)
        self.assertEqual(ours["safe"][0]["args"], theirs["safe"][0]["args"])
        total = self.client.inspect("stats", self.c.nodename)["total"]
        self.assertEqual((total["t.hold"], total["t.sleep"]), (2, 1))

    def test_checklist_83_wrong_commands(self):
        for name, arguments in (("no_such_command", {}), ("report", {"x": 1}), ("query_task", {})):
            ours, theirs = self.both(name, arguments, kind="control")
            self.assertEqual(ours, theirs, name)

    def test_checklist_83_destinations(self):
        everyone = {node for reply in self.client.call("control", "ping", {}, {}) for node in reply}
        self.assertEqual(everyone, {self.c.nodename, self.py.nodename})
        for pattern, matcher, who in (("c@*", "glob", {"c@test"}), ("p", "pcre", {"py@test"}),
                                      ("[cp]y?@", "pcre", {"c@test", "py@test"})):
            found = self.client.call("control", "ping", {}, {"pattern": pattern, "matcher": matcher})
            self.assertEqual({node for reply in found for node in reply}, who, pattern)
        self.assertIsNone(self.client.control("ping", "nobody@test"))

    def test_checklist_85_python_workers_find_us(self):
        self.py.restart()
        self.assertTrue(self.py.logged("mingle: sync complete|mingle: all alone"))


class ProgramTest(Stage):
    """The program `celery`, as an operator uses it."""

    with_python = False

    def run_celery(self, *words, everywhere=False):
        """What it prints, by the newest or each version; it must be content."""
        for venv in test_venvs() if everywhere else test_venvs()[:1]:
            with self.subTest(client=venv, words=words):
                code, text = celery(self.session, *words, venv=venv)
                self.assertEqual(code, 0, text)
                yield text

    def test_checklist_82_status_and_inspect(self):
        for text in self.run_celery("status", everywhere=True):
            self.assertRegex(text, r"c@test: .*OK")
            self.assertIn("1 node online", text)
        for name in ("active", "active_queues", "clock", "conf", "memdump", "memsample", "ping", "registered", "report",
                     "reserved", "revoked", "scheduled", "stats"):
            for text in self.run_celery("inspect", name, "-d", self.c.nodename, everywhere=name == "stats"):
                self.assertIn("c@test", text)
        for text in self.run_celery("inspect", "query_task", "some-id", "-d", self.c.nodename):
            self.assertIn("c@test", text)
        for text in self.run_celery("inspect", "ping", "-d", self.c.nodename, "--json", everywhere=True):
            self.assertEqual(json.loads(text.splitlines()[0])["c@test"], {"ok": "pong"})

    def test_checklist_87_control(self):
        for words in (("enable_events",), ("disable_events",), ("rate_limit", "t.boom", "10/m"), ("pool_grow", "1"),
                      ("pool_shrink", "1"), ("add_consumer", "q5"), ("cancel_consumer", "q5"), ("revoke", "some-id"),
                      ("terminate", "KILL", "some-id"), ("heartbeat",)):
            for text in self.run_celery("control", *words, "-d", self.c.nodename, everywhere=words[0] == "revoke"):
                if words[0] != "heartbeat":
                    self.assertRegex(text, r"c@test: .*OK", words)

    def test_no_node_replies(self):
        for venv in test_venvs():
            code, _ = celery(self.session, "inspect", "ping", "-d", "nobody@test", venv=venv)
            self.assertEqual(code, 69)


class ControlTest(Stage):
    """Commands that change something."""

    def same_answer(self, name, arguments=None):
        for client in self.each_client():
            ours, theirs = self.both(name, arguments, kind="control", client=client)
            self.assertEqual(ours, theirs, (name, arguments))

    def active_queues(self, node):
        return {q["name"] for q in self.client.inspect("active_queues", node)}

    def test_checklist_87_rate_limit(self):
        for task, rate in (("t.boom", "10/m"), ("nope", "10/m"), ("t.boom", "bogus"), ("t.boom", 5), ("t.boom", None),
                           ("t.boom", "")):
            self.same_answer("rate_limit", {"task_name": task, "rate_limit": rate})
        self.same_answer("rate_limit", {"task_name": "t.boom"})

    def test_checklist_87_rate_limit_is_kept(self):
        self.client.control("rate_limit", self.c.nodename, {"task_name": "t.add", "rate_limit": "5/s"})
        start = time.monotonic()
        for task in [self.client.send("t.add", 1, 2, queue="qc") for _ in range(6)]:
            self.client.get(task)
        self.assertGreater(time.monotonic() - start, 0.8)
        self.client.control("rate_limit", self.c.nodename, {"task_name": "t.add", "rate_limit": 0})

    def test_checklist_87_pool(self):
        for name in ("pool_restart", "autoscale"):
            self.same_answer(name)
        self.same_answer("autoscale", {"x": 1})
        before = self.client.inspect("stats", self.c.nodename)
        self.assertEqual(self.client.control("pool_grow", self.c.nodename, {"n": 3}), {"ok": "pool will grow"})
        grown = self.client.inspect("stats", self.c.nodename)
        self.assertEqual(grown["pool"]["max-concurrency"], before["pool"]["max-concurrency"] + 3)
        self.assertEqual(grown["prefetch_count"], before["prefetch_count"] + 12)
        file, tasks = self.held(5, self.c, "qc")
        self.assertEqual(self.client.control("pool_shrink", self.c.nodename, {"n": 3}), {"ok": "pool will shrink"})
        file.unlink()
        for task in tasks:
            self.client.get(task)
        file, tasks = self.held(2, self.c, "qc")
        tasks += [self.client.send("t.sleep", 0, queue="qc") for _ in range(2)]
        wait_until(lambda: len(self.client.inspect("reserved", self.c.nodename)) == 2, 20, "two to wait for a thread")
        self.assertEqual(len(self.client.inspect("active", self.c.nodename)), 2)
        file.unlink()
        for task in tasks:
            self.client.get(task)
        self.assertIn("error", self.client.control("pool_shrink", self.c.nodename, {"n": 2}))
        self.assertIn("error", self.client.control("pool_grow", self.c.nodename, {"n": 5000}))
        self.assertEqual(self.client.inspect("stats", self.c.nodename)["pool"]["max-concurrency"], 2)

    def test_checklist_87_consumers(self):
        self.same_answer("add_consumer", {"queue": "extra"})
        self.assertEqual(self.active_queues(self.c.nodename), {"qc", "extra"})
        self.same_answer("cancel_consumer", {"queue": "extra"})
        self.assertEqual(self.active_queues(self.c.nodename), {"qc"})
        self.assertEqual(self.client.control("add_consumer", self.c.nodename,
                                             {"queue": "other", "exchange": "ex", "routing_key": "key"}),
                         {"ok": "add consumer other"})
        self.assertEqual(self.redis.call("SMEMBERS", "_kombu.binding.ex"), [b"key\x06\x16\x06\x16other"])
        self.assertEqual(self.client.get(self.client.send("t.add", 2, 3, queue="other"))["value"], 5)
        self.client.control("cancel_consumer", self.c.nodename, {"queue": "other"})
        task = self.client.send("t.add", 2, 3, queue="other")
        self.assertEqual(self.client.get(self.client.send("t.add", 1, 3, queue="qc"))["value"], 4)
        self.assertEqual(self.redis.call("LLEN", "other"), 1)
        self.client.control("cancel_consumer", self.c.nodename, {"queue": "qc"})
        self.assertEqual(self.active_queues(self.c.nodename), set())
        self.client.control("add_consumer", self.c.nodename, {"queue": "qc"})
        self.client.control("add_consumer", self.c.nodename, {"queue": "other"})
        self.assertEqual(self.client.get(task)["value"], 5)
        self.client.control("cancel_consumer", self.c.nodename, {"queue": "other"})
        self.assertIn("error", self.client.control("add_consumer", self.c.nodename, {"queue": "x" * 300}))
        self.assertIn("error", self.client.control("add_consumer", self.c.nodename,
                                                   {"queue": "t", "exchange": "t", "exchange_type": "topic"}))

    def test_checklist_86_revoke(self):
        self.same_answer("revoke", {"task_id": "one"})
        ours = self.client.control("revoke", self.c.nodename, {"task_id": ["a1", "a2"]})
        self.assertIn(ours["ok"], ("tasks {'a1', 'a2'} flagged as revoked", "tasks {'a2', 'a1'} flagged as revoked"))
        self.same_answer("revoke", {"task_id": []})
        self.same_answer("revoke", {})
        self.assertLessEqual({"one", "a1", "a2"}, set(self.client.inspect("revoked", self.c.nodename)))
        # A task that waits is recorded at once and never run.
        task = self.client.send("t.add", 1, 2, queue="qc", countdown=600)
        wait_until(lambda: self.client.inspect("scheduled", self.c.nodename), 20, "the task to wait")
        self.client.control("revoke", self.c.nodename, {"task_id": task})
        self.assertEqual(self.client.get(task), {"state": "REVOKED", "value": "TaskRevokedError('revoked')"})
        # A result that is there stays.
        done = self.client.send("t.add", 1, 2, queue="qc")
        self.client.get(done)
        self.client.control("revoke", self.c.nodename, {"task_id": done})
        self.assertEqual(self.client.get(done)["state"], "SUCCESS")

    def test_checklist_86_terminate(self):
        self.same_answer("revoke", {"task_id": "unknown", "terminate": True})
        self.same_answer("terminate", {"task_id": "unknown", "signal": "KILL"})
        self.same_answer("terminate", {"task_id": "unknown", "signal": 9})
        self.assertIn("AttributeError", self.client.control("terminate", self.c.nodename,
                                                            {"task_id": "x", "signal": "NOPE"})["error"])
        file, running = self.held(2, self.c, "qc")
        waiting = self.client.send("t.sleep", 0, queue="qc")
        wait_until(lambda: self.client.inspect("reserved", self.c.nodename), 20, "one to wait")
        self.assertEqual(self.client.control("terminate", self.c.nodename, {"task_id": waiting, "signal": "TERM"}),
                         {"ok": f"terminate: {waiting}"})
        self.assertIn("NotImplementedError", self.client.control("terminate", self.c.nodename,
                                                                 {"task_id": running, "signal": "TERM"})["error"])
        file.unlink()
        self.assertEqual(self.client.get(waiting)["state"], "REVOKED")
        for task in running:
            self.assertEqual(self.client.get(task)["state"], "SUCCESS")

    def test_checklist_86_stamps(self):
        for headers in ({"mid": "m1"}, {"mid": ["m1", "m2"], "other": 3}):
            ours, theirs = self.both("revoke_by_stamped_headers", {"headers": headers}, kind="control")
            self.assertEqual(ours, theirs)
        ours, theirs = self.both("revoke_by_stamped_headers", {"headers": {"mid": "m3"}, "terminate": True}, kind="control")
        self.assertEqual(ours, theirs)

    def test_checklist_85_hello(self):
        self.client.control("revoke", self.c.nodename, {"task_id": "shared"})
        for revoked in ({"theirs": [5.0, "theirs"]}, ["theirs"], {}, [], None, "x", 5):
            answer = self.client.inspect("hello", self.c.nodename, {"from_node": "x@y", "revoked": revoked})
            self.assertIsInstance(answer["clock"], int)
            since, name = answer["revoked"]["shared"]
            self.assertEqual(name, "shared")
            self.assertIsInstance(since, float)
        self.assertIn("theirs", answer["revoked"])
        self.assertIsNone(self.client.inspect("hello", self.c.nodename,
                                              {"from_node": self.c.nodename, "revoked": {}}))

    def test_checklist_85_revoked_ids_reach_a_python_worker(self):
        self.client.control("revoke", self.c.nodename, {"task_id": "told-at-start"})
        for venv in test_venvs():
            with self.subTest(venv=venv):
                peer = PythonWorker(self.session, f"peer-{venv}", venv=venv, options=("-Q", "qpeer")).start()
                self.assertTrue(peer.logged("mingle: sync complete"))
                ids = wait_until(lambda peer=peer: self.client.inspect("revoked", peer.nodename), 20, "an answer")
                self.assertIn("told-at-start", ids)
                peer.stop()

    def test_checklist_85_a_c_worker_asks_its_peers(self):
        self.client.control("revoke", self.py.nodename, {"task_id": "told-by-python"})
        self.client.control("revoke", self.c.nodename, {"task_id": "told-by-c"})
        late = TaskWorker(self.session, "late", words=("qlate",)).start()
        try:
            wait_until(lambda: late.logged("synced revoked ids with peers nodes=2"), 20, "the peers' answers")
            ids = self.client.inspect("revoked", late.nodename)
            self.assertIn("told-by-python", ids)
            self.assertIn("told-by-c", ids)
            # Of the question nothing is left behind.
            self.assertEqual([k for k in self.redis.call("KEYS", "*.reply.celery.pidbox")
                              if b"binding" not in k], [])
        finally:
            self.assertEqual(late.stop(), 0)

    def test_checklist_87_shutdown(self):
        worker = TaskWorker(self.session, "leaving", words=("qleave",)).start()
        running = self.client.send("t.sleep_late", 60, queue="qleave")  # it ends early when the worker stops
        wait_until(lambda: self.client.inspect("active", worker.nodename), 20, "the task to run")
        self.client.call("inspect", "shutdown", {}, {"destination": [worker.nodename], "timeout": 0.2})
        self.assertEqual(worker.wait_end(), 0)
        self.assertEqual(self.client.get(running)["state"], "SUCCESS")

    def test_other_commands(self):
        for name in ("election", "heartbeat"):
            arguments = {"id": "1", "topic": "t"} if name == "election" else {}
            self.assertIsNone(self.client.control(name, self.c.nodename, arguments))
        self.assertEqual(self.client.control("time_limit", self.c.nodename, {"task_name": "nope", "soft": 1}),
                         {"error": "unknown task"})
        for client in self.each_client():
            self.assertEqual(client.control("time_limit", self.c.nodename, {"task_name": "t.sleep", "hard": 100, "soft": 90}),
                             {"ok": "time limits set successfully"})


class RobustTest(Stage):
    """Garbage, load, and requesters that are gone."""

    with_python = False
    channel = "/0.celery.pidbox"

    def envelope(self, text, **changes):
        """A request as kombu publishes it, with members changed or (None) left out."""
        message = {"body": base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode(),
                   "content-encoding": "utf-8", "content-type": "application/json",
                   "headers": {"clock": 1, "expires": 0},
                   "properties": {"delivery_mode": 2, "delivery_info": {"exchange": "celery.pidbox", "routing_key": ""},
                                  "priority": 0, "body_encoding": "base64", "delivery_tag": str(uuid.uuid4())}}
        message.update(changes)
        return json.dumps({k: v for k, v in message.items() if v is not None})

    def malformed(self):
        """Messages that no worker can make sense of, several of which end a Python worker."""
        ping = '{"method": "ping"}'
        yield from ("", "x", "[]", "null", "5", "{}", "\x00\xff", '{"body": 1}', "[" * 5000, '{"a":' * 3000)
        for body in ("", "nonsense", "[]", "null", "{}", '{"method": 1}', '{"method": "ping", "arguments": 5}',
                     '{"method": "ping", "arguments": [1]}', '{"method": "ping", "destination": 7}',
                     '{"method": "ping", "pattern": "(", "matcher": "pcre"}',
                     '{"method": "ping", "pattern": "x", "matcher": "nope"}',
                     '{"method": "ping", "pattern": {}, "matcher": []}',
                     '{"method": "ping", "reply_to": {}}', '{"method": "ping", "reply_to": "x"}',
                     '{"method": "ping", "reply_to": {"exchange": "e", "routing_key": 5}}',
                     '{"method": "query_task", "arguments": {"ids": {"a": [[]]}}}',
                     '{"method": "registered", "arguments": {"taskinfoitems": 7}}',
                     '{"method": "active", "arguments": {"safe": {}}}'):
            yield self.envelope(body)
        yield self.envelope(pickle.dumps({"method": "ping"}), **{"content-type": "application/x-python-serialize"})
        for name in ("body", "content-type", "properties", "headers"):
            yield self.envelope(ping, **{name: None})
            yield self.envelope(ping, **{name: 5})
            yield self.envelope(ping, **{name: []})
        yield self.envelope(ping, properties={})
        yield self.envelope(ping, properties={"delivery_tag": "t", "body_encoding": "rot13"})
        yield self.envelope(ping, headers={"clock": "late", "compression": 5})
        yield self.envelope(ping, headers={"clock": 2 ** 200})
        yield self.envelope(ping + " " * 20_000_000)

    def test_checklist_90_malformed_messages_are_dropped(self):
        dice = random.Random(3)
        sent = 0
        good = self.envelope('{"method": "ping", "arguments": {}, "destination": null}').encode()
        for message in self.malformed():
            self.redis.call("PUBLISH", self.channel, message)
            sent += 1
        while sent < 1000:
            broken = bytearray(good)
            for _ in range(dice.randint(1, 8)):
                broken[dice.randrange(len(broken))] = dice.randrange(256)
            self.redis.call("PUBLISH", self.channel, bytes(broken))
            sent += 1
        # It may still be busy with the largest ones.
        answer = wait_until(lambda: self.client.inspect("ping", self.c.nodename), 60, "an answer")
        self.assertEqual(answer, {"ok": "pong"})
        self.assertTrue(self.c.alive)
        self.assertTrue(self.c.logged("a remote command cannot be understood"))

    def test_checklist_84_no_reply_without_binding(self):
        request = {"method": "ping", "ticket": "t", "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "gone"}}
        self.redis.call("PUBLISH", self.channel, self.envelope(json.dumps(request)))
        self.assertEqual(self.client.inspect("ping", self.c.nodename), {"ok": "pong"})
        self.assertEqual({k for k in self.redis.call("KEYS", "*gone*")}, set())

    def test_reply_of_a_dead_requester_expires(self):
        self.redis.call("SADD", "_kombu.binding.reply.celery.pidbox", "dead\x06\x16\x06\x16dead.reply")
        request = {"method": "ping", "ticket": "t", "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": "dead"}}
        self.redis.call("PUBLISH", self.channel, self.envelope(json.dumps(request)))
        wait_until(lambda: self.redis.call("LLEN", "dead.reply") == 1, 20, "the reply")
        self.assertGreater(self.redis.call("TTL", "dead.reply"), 0)
        reply = json.loads(self.redis.call("RPOP", "dead.reply"))
        self.assertEqual(reply["headers"]["ticket"], "t")
        self.assertEqual(json.loads(base64.b64decode(reply["body"])), {self.c.nodename: {"ok": "pong"}})

    def test_a_worker_has_six_connections(self):
        """Whatever the number of threads, also after events, a revoked task and a result."""
        def connections():
            return self.redis.call("CLIENT", "LIST").decode().count("name=celeriac-")
        def asking():
            return set(self.redis.call("SMEMBERS", "_kombu.binding.reply.celery.pidbox"))
        # The client stays bound all the time, and a late answer may wait for it.
        self.client.inspect("ping", self.c.nodename)
        clients = asking()
        before = connections()
        many = TaskWorker(self.session, "many", concurrency=64, words=("events", "qmany")).start()
        try:
            self.client.get(self.client.send("t.add", 1, 2, queue="qmany"))
            self.client.control("revoke", many.nodename, {"task_id": "x"})
            self.client.inspect("ping", many.nodename)
            self.assertLessEqual(connections() - before, 6)
        finally:
            self.assertEqual(many.stop(), 0)
        # It was stopped before its peers' second was over, and has cleaned up all the same.
        self.assertEqual([member for member in asking() - clients
                          if self.redis.call("EXISTS", member.rsplit(b"\x16", 1)[1]) == 1], [])

    def test_a_busy_worker_answers(self):
        """With all threads busy and a full window; the time is printed, not judged."""
        file, tasks = self.held(2, self.c, "qc", "t.burn_while")
        tasks += [self.client.send("t.burn", 0.01, queue="qc") for _ in range(40)]
        times = []
        active = []
        for _ in range(10):
            key = f"r{uuid.uuid4()}"
            self.redis.call("SADD", "_kombu.binding.reply.celery.pidbox", f"{key}\x06\x16\x06\x16{key}")
            request = {"method": "active", "ticket": key,
                       "reply_to": {"exchange": "reply.celery.pidbox", "routing_key": key}}
            start = time.monotonic()
            self.redis.call("PUBLISH", self.channel, self.envelope(json.dumps(request)))
            reply = self.redis.call("BRPOP", key, 20)
            times.append(time.monotonic() - start)
            self.redis.call("SREM", "_kombu.binding.reply.celery.pidbox", f"{key}\x06\x16\x06\x16{key}")
            active.append(len(json.loads(base64.b64decode(json.loads(reply[1])["body"]))[self.c.nodename]))
        self.assertEqual(set(active), {2})
        file.unlink()
        for task in tasks:
            self.assertEqual(self.client.get(task)["state"], "SUCCESS")
        print(f"answers of a saturated worker: median {statistics.median(times) * 1000:.1f} ms, "
              f"longest {max(times) * 1000:.1f} ms")


if __name__ == "__main__":
    unittest.main(verbosity=2)
