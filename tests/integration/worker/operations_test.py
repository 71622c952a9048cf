"""celeriac-worker as an operator meets it: python3 -m tests.integration.worker.operations_test"""

import base64
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.request
import uuid

from tests.integration.worker.exposition import Metrics
from tests.services import CeleriacWorker, Postgres, Redis, Session, ports
from tests.services.celeriac import migrate, program
from tests.services.server import wait_until

TASK = "notifications.tasks.send_notification_task"
WAIT_S = 30


def envelope(arguments: list, **headers: object) -> str:
    """A message for the queue celery, as kombu writes it."""
    body = base64.b64encode(json.dumps([arguments, {}, {}]).encode()).decode()
    task_id = str(uuid.uuid4())
    return json.dumps({
        "body": body, "content-type": "application/json", "content-encoding": "utf-8",
        "headers": {"task": TASK, "id": task_id, **headers},
        "properties": {"delivery_tag": str(uuid.uuid4()), "body_encoding": "base64", "correlation_id": task_id,
                       "delivery_info": {"exchange": "", "routing_key": "celery"}}})


class Stage(unittest.TestCase):
    """Servers of its own for each test class, and a broker that is empty for each test."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("operations")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        Postgres(cls.session, fsync=False).start()
        migrate(cls.session)

    def setUp(self):
        if not self.redis.alive:
            self.redis.start()
        self.redis.call("FLUSHALL")
        self.dir = self.session.folder("test")

    def worker(self, *options: str, wait: bool = True, **extra: str) -> CeleriacWorker:
        """A worker that is stopped after the test."""
        worker = CeleriacWorker(self.session, concurrency=2, options=options, extra=extra)
        self.addCleanup(lambda: worker.alive and worker.stop())
        return worker.start(wait=wait)

    def run_worker(self, *options: str, **extra: str) -> subprocess.CompletedProcess:
        """A worker that is expected to end by itself."""
        return subprocess.run([program("celeriac-worker"), *options], env=self.session.environment(extra), check=False,
                              cwd=self.dir, capture_output=True, text=True, timeout=WAIT_S)


class HttpTest(Stage):
    """--http and healthcheck."""

    def setUp(self):
        super().setUp()
        self.port = ports.claim()
        self.address = f"127.0.0.1:{self.port}"

    def ask(self, path: str, method: str = "GET") -> tuple[int, str, str]:
        """Status, type and text."""
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as reply:
                return reply.status, reply.headers["Content-Type"], reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers["Content-Type"], error.read().decode()

    def metrics(self) -> Metrics:
        """What /metrics says now."""
        status, kind, text = self.ask("/metrics")
        self.assertEqual((status, kind), (200, "text/plain; version=0.0.4; charset=utf-8"))
        return Metrics(text)

    def healthcheck(self, *options: str, **extra: str) -> tuple[int, str]:
        """Exit code and output."""
        done = self.run_worker("healthcheck", *options, **extra)
        return done.returncode, (done.stdout + done.stderr).strip()

    def test_probes_follow_the_broker(self):
        self.worker("--http", self.address)
        wait_until(lambda: self.ask("/readyz")[0] == 200, WAIT_S, "readiness")
        self.assertEqual(self.ask("/readyz")[2], "consuming\n")
        self.assertEqual(self.ask("/livez"), (200, "text/plain; charset=utf-8", "consuming\n"))
        self.assertEqual(self.healthcheck("--http", self.address), (0, "consuming"))
        self.assertEqual(self.healthcheck(CELERIAC_HTTP=f"0.0.0.0:{self.port}"), (0, "consuming"))
        self.redis.kill()
        wait_until(lambda: self.ask("/readyz")[0] == 503, WAIT_S, "the outage to be seen")
        self.assertEqual(self.ask("/readyz")[2], "waiting for the broker\n")
        self.assertEqual(self.ask("/livez")[0], 200)
        self.assertEqual(self.healthcheck("--http", self.address), (1, "waiting for the broker"))
        self.assertEqual(self.metrics().value("celeriac_broker_up"), 0)
        self.redis.start()
        wait_until(lambda: self.ask("/readyz")[0] == 200, WAIT_S, "readiness after the outage")

    def test_healthcheck_without_a_worker(self):
        code, text = self.healthcheck("--http", self.address)
        self.assertEqual(code, 1)
        self.assertIn("cannot connect", text)
        self.assertEqual(self.healthcheck("--http", "nonsense")[0], 64)
        code, text = self.healthcheck()
        self.assertEqual(code, 64)
        self.assertIn("CELERIAC_HTTP", text)

    def test_what_is_not_served(self):
        self.worker("--http", self.address)
        self.assertEqual(self.ask("/")[0], 404)
        self.assertEqual(self.ask("/metrics/")[0], 404)
        self.assertEqual(self.ask("/metrics", "POST")[0], 405)
        self.assertEqual(self.ask("/livez", "HEAD")[0], 200)

    def test_a_port_in_use_stops_the_start(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = self.run_worker("--http", f"127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("in use", done.stderr)

    def test_tasks_are_counted_by_queue(self):
        """Every family is there, and a success, a failure and an expired one are counted."""
        self.redis.call("LPUSH", "celery", envelope([str(uuid.uuid4())]))
        self.redis.call("LPUSH", "celery\x06\x163", envelope(["x"], expires="2001-01-01T00:00:00+00:00"))
        self.redis.call("LPUSH", "celery", "not a message")
        self.worker("--http", self.address, "-n", "w1@h\"1")
        where = {"name": TASK, "hostname": 'h"1', "queue_name": "celery"}
        wait_until(lambda: self.metrics().value("celery_task_succeeded_total", **where) == 1, WAIT_S, "the success")
        wait_until(lambda: self.metrics().value("celery_task_revoked_total", **where) == 1, WAIT_S, "the expired one")
        wait_until(lambda: self.metrics().value("celeriac_quarantine_length") == 1, WAIT_S, "the quarantine")
        # It is counted before it is acknowledged.
        wait_until(lambda: self.metrics().value("celeriac_unacked_length") == 0, WAIT_S, "the acknowledgements")
        metrics = self.metrics()
        self.assertEqual(metrics.value("celery_task_received_total", **where), 2)
        self.assertEqual(metrics.value("celery_task_started_total", **where), 1)
        self.assertEqual(metrics.value("celery_task_failed_total", exception="", **where), 0)
        self.assertEqual(metrics.value("celery_task_runtime_count", **where), 1)
        self.assertEqual(metrics.value("celeriac_task_wait_seconds_count", **where), 1)
        self.assertEqual(metrics.value("celery_worker_up", hostname='h"1'), 1)
        self.assertEqual(metrics.value("celery_worker_tasks_active", hostname='h"1'), 0)
        self.assertEqual(metrics.value("celery_active_process_count", queue_name="celery"), 2)
        self.assertEqual(metrics.value("celeriac_broker_up"), 1)
        self.assertGreater(metrics.value("celeriac_store_calls_total"), 0)
        self.assertEqual(metrics.value("celeriac_send_database_seconds_count"), 1)
        self.assertEqual(metrics.value("celeriac_send_provider_seconds_count"), 0)
        self.assertEqual(metrics.value("celeriac_outbox_failures_total"), 0)

    def test_lengths_are_true_for_each_priority(self):
        """Messages that nobody takes are counted in the list they wait in."""
        others = envelope([]).replace(TASK, "somebody.elses")
        for _ in range(3):
            self.redis.call("LPUSH", "celery", others)
        self.redis.call("LPUSH", "celery\x06\x169", others)
        self.worker("--http", self.address, "-Q", "celery,other")
        wait_until(lambda: self.metrics().value("celery_queue_length", queue_name="celery") == 4, WAIT_S,
                   "messages of others to be left")
        metrics = self.metrics()
        lengths = [metrics.value("celeriac_queue_priority_length", queue_name="celery", priority=step)
                   for step in ("0", "3", "6", "9")]
        self.assertEqual(lengths, [3, 0, 0, 1])
        self.assertEqual(metrics.value("celery_queue_length", queue_name="other"), 0)

    def test_queues_change_with_remote_control(self):
        """Consumed now, whatever the command line said."""
        worker = self.worker("--http", self.address, "-Q", "one,two")
        self.redis.call("LPUSH", "more", envelope([]).replace(TASK, "somebody.elses"))
        for words in (("add_consumer", "more"), ("cancel_consumer", "two")):
            subprocess.run([program("celeriac"), "control", *words], env=self.session.environment(), check=True,
                           capture_output=True, timeout=WAIT_S)
        metrics = self.metrics()
        self.assertEqual([metrics.value("celery_queue_length", queue_name=name) for name in ("one", "more")], [0, 1])
        self.assertEqual(metrics.value("celery_active_consumer_count", queue_name="more"), 1)
        self.assertIsNone(metrics.value("celery_queue_length", queue_name="two"))
        self.assertTrue(worker.alive)

    def test_idle_takes_few_connections(self):
        """Six at most with 64 threads, and none for metrics that nobody asks for."""
        worker = self.worker("--http", self.address, "-c", "64")
        wait_until(lambda: self.ask("/readyz")[0] == 200, WAIT_S, "readiness")
        self.metrics()
        clients = [line for line in self.redis.call("CLIENT", "LIST").decode().splitlines() if "celeriac-" in line]
        self.assertLessEqual(len(clients), 6)
        self.assertFalse([line for line in clients if "name=celeriac-metrics" in line])
        self.assertTrue(worker.alive)


class ProcessTest(Stage):
    """Signals, exit codes, and what a daemon does."""

    def restarted(self, worker: CeleriacWorker) -> bool:
        """Whether it was ready twice."""
        return worker.log.read_text().count('"event":"ready"') == 2

    def ended(self, number: int, **extra: str) -> int:
        """The exit code of an idle worker after a signal."""
        worker = self.worker(**extra)
        worker.signal(number)
        return worker.wait_end()

    def test_checklist_91_exit_codes(self):
        self.assertEqual(self.ended(signal.SIGTERM), 0)
        self.assertEqual(self.ended(signal.SIGINT), 1)
        self.assertEqual(self.ended(signal.SIGQUIT), 0)
        self.assertEqual(self.ended(signal.SIGTERM, REMAP_SIGTERM="SIGQUIT"), 0)
        self.assertEqual(self.ended(signal.SIGQUIT, CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT="600"), 0)

    def test_checklist_91_hangup_starts_again(self):
        pidfile = self.dir / "pid"
        worker = self.worker("--pidfile", str(pidfile))
        pid = worker.pid
        worker.signal(signal.SIGUSR1)
        worker.signal(signal.SIGHUP)
        wait_until(lambda: self.restarted(worker), WAIT_S, "the second start")
        self.assertEqual(pidfile.read_text(), f"{pid}\n")
        self.assertEqual(worker.stop(), 0)
        self.assertFalse(pidfile.exists())

    def test_pidfile(self):
        """A living process keeps it; what a dead one left, or nobody can read, is replaced."""
        pidfile = self.dir / "worker.pid"
        worker = self.worker("--pidfile", str(self.dir / "%n.pid"), "-n", "worker@box")
        self.assertEqual(pidfile.read_text(), f"{worker.pid}\n")
        second = self.run_worker("--pidfile", str(pidfile))
        self.assertEqual(second.returncode, 73)
        self.assertIn("already running", second.stderr)
        worker.kill()
        self.assertTrue(pidfile.exists())
        worker = self.worker("--pidfile", str(pidfile))
        self.assertEqual(pidfile.read_text(), f"{worker.pid}\n")
        self.assertTrue(worker.logged("stale pidfile"))
        worker.stop()
        self.assertFalse(pidfile.exists())

    def test_detach(self):
        """The command returns once the start went well, and with the error when it did not."""
        pidfile, log = self.dir / "pid", self.dir / "box.log"
        words = ("-D", "--pidfile", str(pidfile), "-f", str(self.dir / "%h.log"), "-n", "w@box", "-l", "info",
                 "--umask", "077")
        done = self.run_worker(*words)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        pid = int(pidfile.read_text())
        self.addCleanup(lambda: pidfile.exists() and os.kill(pid, signal.SIGKILL))
        self.assertEqual(os.stat(log).st_mode & 0o777, 0o600)
        self.assertEqual(os.getsid(pid), pid)
        self.assertEqual(os.readlink(f"/proc/{pid}/fd/2"), "/dev/null")
        self.assertEqual(self.run_worker(*words).returncode, 73)
        wait_until(lambda: '"event":"ready"' in log.read_text(), WAIT_S, "the worker to be ready")
        os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not pidfile.exists(), WAIT_S, "the end")

    def test_refused_options(self):
        """Each with exit code 64 and a text that says what to do."""
        for words, text in ((("-B",), "celery beat"), (("--umask", "9"), "--umask"),
                            (("-Q", "a", "-X", "a"), "no queue"), (("--log-format", "x"), "--log-format"),
                            (("--autoscale", "1,2"), "--autoscale"), (("--uid", "no such user"), "no user")):
            done = self.run_worker(*words)
            self.assertEqual(done.returncode, 64, words)
            self.assertIn(text, done.stderr)

    def test_checklist_97_purge_empties_the_own_queues(self):
        """All priorities of them, and nothing else; told in Celery's words, and only when there was something."""
        foreign = envelope([]).replace(TASK, "somebody.elses")
        for key in ("one", "one\x06\x163", "one\x06\x169", "two\x06\x166", "three", "celery"):
            self.redis.call("LPUSH", key, foreign, foreign)
        held = json.dumps([json.loads(foreign), "", "one"])
        self.redis.call("HSET", "unacked", "tag", held)
        worker = self.worker("-Q", "one,two,three", "-X", "three", "--purge")
        self.assertTrue(worker.logged(r"purge: Erased 8 messages from the queue\."))
        self.assertEqual(self.redis.call("EXISTS", "one", "one\x06\x163", "one\x06\x169", "two\x06\x166"), 0)
        self.assertEqual([self.redis.call("LLEN", key) for key in ("three", "celery")], [2, 2])
        self.assertEqual(self.redis.call("HGET", "unacked", "tag").decode(), held)
        self.assertEqual(worker.stop(), 0)
        self.redis.call("LPUSH", "one", foreign)
        self.assertTrue(self.worker("-Q", "one", "--discard").logged(r"Erased 1 message from"))
        self.assertNotIn("purge", self.worker("-Q", "empty", "--purge").log_text())

    def test_purge_waits_for_the_broker(self):
        """However late the broker comes; a signal ends the wait."""
        self.redis.kill()
        waiting = self.worker("--purge", wait=False)
        wait_until(lambda: waiting.logged("purge: the broker is away"), WAIT_S, "the first attempt")
        waiting.signal(signal.SIGTERM)
        self.assertEqual(waiting.wait_end(), 0)
        worker = self.worker("--purge", wait=False)
        wait_until(lambda: worker.logged("purge: the broker is away"), WAIT_S, "the first attempt")
        self.redis.start()
        wait_until(lambda: worker.logged(r'"event":"ready"'), WAIT_S, "the worker to go on")

    def test_excluded_queues_are_left(self):
        self.redis.call("LPUSH", "two", envelope([str(uuid.uuid4())]))
        self.redis.call("LPUSH", "one", envelope([str(uuid.uuid4())]))
        self.worker("-Q", "one, two,three", "-X", "two,none")
        wait_until(lambda: self.redis.call("LLEN", "one") == 0, WAIT_S, "the queue that is consumed")
        self.assertEqual(self.redis.call("LLEN", "two"), 1)


class LogTest(Stage):
    """JSON lines for programs; a banner, text and colours for people."""

    def on_terminal(self, *options: str, **extra: str) -> str:
        """What a worker shows on a terminal until it is ready."""
        master, slave = pty.openpty()
        environment = {name: value for name, value in self.session.environment(extra).items()
                       if name != "NO_COLOR" or name in extra}
        process = subprocess.Popen([program("celeriac-worker"), "-l", "info", "-n", "w@box", *options], cwd=self.dir,
                                   env=environment, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
        os.close(slave)
        shown = b""
        try:
            while b"worker: ready" not in shown:
                shown += os.read(master, 4096)
        finally:
            process.terminate()
            process.wait(WAIT_S)
            os.close(master)
        return shown.decode()

    def test_json_when_nobody_looks(self):
        worker = self.worker()
        for line in worker.log.read_text().splitlines():
            self.assertIn("event", json.loads(line))
        text = self.worker("--log-format", "text")
        self.assertTrue(text.logged(r"INFO worker: ready"))

    def test_banner(self):
        shown = self.on_terminal("-Q", "one,two", "-I", "x", "-b", self.redis.url().replace("://", "://:pw@"))
        self.assertIn("w@box", shown)
        self.assertIn(":**@", shown)
        self.assertNotIn("pw@", shown)
        self.assertIn(".> two", shown)
        self.assertIn("notifications.tasks.send_notification_task", shown)
        self.assertIn("\033[1m", shown)
        self.assertIn("\033[33m[", shown)

    def test_no_color_and_quiet(self):
        self.assertNotIn("\033", self.on_terminal("-I", "x", NO_COLOR="1"))
        self.assertNotIn("\033", self.on_terminal("-I", "x", "-C"))
        self.assertNotIn("[config]", self.on_terminal("-q"))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
