"""Tests of the harness itself: python3 -m tests.services.harness_test"""

import os
import signal
import smtplib
import subprocess
import sys
import time
import unittest
from pathlib import Path

from . import ports
from .control import Control, tell
from .postgres import Postgres
from .redis_server import Redis
from .report import Report
from .resp import RedisError
from .server import Server, descendants, running, wait_until
from .session import ROOT, ServiceError, Session
from .sink import SmtpSink

ORPHAN = """
import time
from tests.services import Redis, Postgres, Session, SmtpSink
with Session("orphan") as session:
    servers = [Redis(session).start(), Postgres(session, fsync=False).start(), SmtpSink(session).start()]
    print(session.dir, *(server.pid for server in servers), flush=True)
    time.sleep(600)
"""

# What ctest writes: its own sample of each kind of ending.
JUNIT = """<testsuite name="sample">
<testcase name="good" time="0.25" status="run"><system-out>ok</system-out></testcase>
<testcase name="cmocka" time="1" status="fail"><failure message=""/><system-out>[ RUN      ] adds_up
[  ERROR   ] --- 0x1 != 0x2
[   LINE   ] --- a_test.c:3: error: Failure!
[  FAILED  ] adds_up
[  FAILED  ] tests: 1 test(s), listed below:
[  FAILED  ] adds_up
</system-out></testcase>
<testcase name="python" time="2" status="fail"><failure message=""/><system-out>--- worker: last lines
    ValueError: what a server logged
FAIL: test_sum (__main__.SumTest.test_sum)
Traceback (most recent call last):
AssertionError: 1 != 2
</system-out></testcase>
<testcase name="sanitizer" time="3" status="fail"><failure message=""/><system-out>[ RUN      ] races
[NON-XML-CHAR-0x1B][1mWARNING: ThreadSanitizer: data race (pid=7)
  Write of size 4
SUMMARY: ThreadSanitizer: data race a.c:9 in f
</system-out></testcase>
<testcase name="silent" time="4" status="fail"><failure message=""/><system-out>a\nb\n\nc\nd</system-out></testcase>
<testcase name="absent" time="0" status="notrun"><skipped message=""/><system-out>Failed test dependencies: f</system-out></testcase>
</testsuite>
"""


class Racing(Server):
    """A program that a sanitizer has something to say of."""

    def command(self) -> list[str]:
        return ["sh", "-c", "echo 'WARNING: ThreadSanitizer: data race (pid=7)'; exec sleep 600"]

    def ready(self) -> bool:
        return self.logged("data race")


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class HarnessTest(unittest.TestCase):
    """Each test has a session of its own."""

    def setUp(self):
        self.session = Session("harness", show_logs=False)

    def tearDown(self):
        self.session.close()
        self.assertFalse(self.session.dir.exists())

    def test_redis_keeps_what_it_acknowledged(self):
        """SIGKILL and a new start on the same port lose nothing with appendonly."""
        redis = Redis(self.session, appendonly=True, password="pa:ss", unix=True).start()
        redis.call("SET", "a", "1")
        redis.kill()
        self.assertFalse(redis.alive)
        self.assertRaises(OSError, redis.call, "GET", "a")
        redis.start()
        self.assertEqual(redis.call("GET", "a"), b"1")
        self.assertRaises(RedisError, redis.call, "GET")

    def test_redis_forgets_without_appendonly(self):
        """The default keeps nothing."""
        redis = Redis(self.session).start()
        redis.call("SET", "a", "1")
        redis.restart()
        self.assertIsNone(redis.call("GET", "a"))

    def test_frozen_redis_answers_after_thaw(self):
        """SIGSTOP holds the server, SIGCONT lets it go on."""
        redis = Redis(self.session).start()
        redis.freeze()
        client = redis.client  # connecting succeeds: the kernel accepts; the reply does not come
        with self.assertRaises(TimeoutError):
            with client() as connection:
                connection._socket.settimeout(0.3)
                connection.call("PING")
        redis.thaw()
        self.assertEqual(redis.call("PING"), b"PONG")

    def test_redis_tls(self):
        """A TLS port takes no plain connection."""
        redis = Redis(self.session, tls=True).start()
        self.assertTrue(redis.url().startswith("rediss://"))
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{redis.port}", "-CAfile",
                               str(redis.authority.ca), "-verify_return_error", "-brief"],
                              input="", capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_postgres_survives_kill(self):
        """Committed rows are there after SIGKILL; the role is no superuser."""
        postgres = Postgres(self.session).start()
        postgres.psql("CREATE TABLE t (n int); INSERT INTO t VALUES (7)")
        members = [pid for pid in descendants(postgres.pid) if pid != postgres.pid]
        self.assertGreater(len(members), 2)  # each in a session of its own, sharing the server's memory
        postgres.kill()
        self.assertEqual([pid for pid in members if running(pid)], [])
        postgres.start()
        self.assertEqual(postgres.psql("SELECT n FROM t"), "7")
        self.assertEqual(postgres.psql("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"), "f")
        self.assertRaises(ServiceError, postgres.psql, "SELECT nonsense")

    def test_sink_counts_and_refuses(self):
        """Mails are counted with recipient and Message-ID; refusal is switched while it runs."""
        sink = SmtpSink(self.session, keep=True).start()
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            for number in range(3):
                client.sendmail("a@example.com", [f"u{number}@example.com"],
                                f"Subject: x\r\nMessage-ID:\r\n <{number}@here>\r\n\r\n.dot\r\n")
        self.assertEqual(sink.count, 3)
        self.assertEqual([(mail.to, mail.message_id) for mail in sink.arrivals()],
                         [(f"u{number}@example.com", f"{number}@here") for number in range(3)])
        self.assertIn("\r\n.dot\r\n", sink.kept.read_bytes().decode())
        sink.refuse(True)
        self.assertRaises(smtplib.SMTPException, smtplib.SMTP, "127.0.0.1", sink.port)
        sink.refuse(False)
        smtplib.SMTP("127.0.0.1", sink.port).quit()
        sink.restart()
        self.assertEqual(sink.count, 3)

    def test_sink_takes_pipelined_commands_and_long_lines(self):
        """Everything in one write, the line longer than the sink's buffer, byte for byte."""
        sink = SmtpSink(self.session, keep=True).start()
        body = b"y" * 40000 + b"\r\n..\r\nend"
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.ehlo()
            client.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
            codes = [client.getreply()[0] for _ in range(3)]
            client.send(b"Message-ID: <1@x>\r\n\r\n" + body + b"\r\n.\r\nRSET\r\nNOOP\r\n")
            codes += [client.getreply()[0] for _ in range(3)]
        self.assertEqual(codes, [250, 250, 354, 250, 250, 250])
        self.assertIn(b"y" * 40000 + b"\r\n.\r\nend\r\n", sink.kept.read_bytes())

    def test_sink_answers_a_client_that_pipelines_without_end(self):
        """More replies than any buffer of the sink holds, read only after all was sent."""
        sink = SmtpSink(self.session, ids=False).start()
        mail = b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.ehlo()
            client.send(mail * 2000)
            codes = [client.getreply()[0] for _ in range(4 * 2000)]
        self.assertEqual(codes, [250, 250, 354, 250] * 2000)
        self.assertEqual(sink.count, 2000)

    def test_sink_delays_each_reply(self):
        """Five replies at 30 ms take at least that long, pipelined or not."""
        sink = SmtpSink(self.session, delay_ms=30).start()
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            began = time.monotonic()
            client.ehlo()
            client.send(b"MAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\n")
            self.assertEqual([client.getreply()[0] for _ in range(3)], [250, 250, 354])
            client.send(b"\r\nx\r\n.\r\n")
            self.assertEqual(client.getreply()[0], 250)
            self.assertGreaterEqual(time.monotonic() - began, 5 * 0.030)

    def test_control_socket(self):
        """What a C test can ask of the harness."""
        redis = Redis(self.session).start()
        path = self.session.dir / "control"
        control = Control(path, {"redis": redis})
        self.assertEqual(tell(str(path), "kill redis"), "ok")
        self.assertFalse(redis.alive)
        self.assertTrue(tell(str(path), "kill nobody").startswith("error"))
        self.assertTrue(tell(str(path), "refuse redis").startswith("error"))
        self.assertEqual(tell(str(path), "start redis"), "ok")
        self.assertEqual(redis.call("PING"), b"PONG")
        control.close()

    def test_up_passes_environment_and_exit_code(self):
        """The shell entry."""
        done = subprocess.run([sys.executable, "-m", "tests.services", "up", "redis,unix", "--", "sh", "-c",
                               'test -S "$SERVICES_DIR/redis/redis.sock" && test -n "$REDIS_URL" && exit 7'],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 7, done.stderr)
        done = subprocess.run([sys.executable, "-m", "tests.services", "up", "redis,nonsense", "--", "true"],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("nonsense", done.stderr)

    def test_nothing_is_left_behind(self):
        """Whatever ends the harness, the servers and the folder go with it."""
        def kill_with_descendants(harness):
            for pid in descendants(harness.pid):
                os.kill(pid, signal.SIGKILL)

        ends = {"killed with descendants": kill_with_descendants}  # as ctest does it
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            ends[number.name] = lambda harness, number=number: harness.send_signal(number)
        for name, end in ends.items():
            with self.subTest(name):
                harness = subprocess.Popen([sys.executable, "-c", ORPHAN], cwd=ROOT, text=True,
                                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                folder, *pids = harness.stdout.readline().split()
                self.assertTrue(all(_alive(int(pid)) for pid in pids))
                end(harness)
                harness.wait()
                harness.stdout.close()
                wait_until(lambda: not any(_alive(int(pid)) for pid in pids)
                           and not os.path.exists(folder), 10, "servers and folder to go")

    def test_a_sanitizers_report_fails_the_session(self):
        """Also when the program went on and ended well; servers and folder go all the same."""
        session = Session("racing", show_logs=False)
        server = Racing(session, "racing").start()
        with self.assertRaisesRegex(ServiceError, "racing: WARNING: ThreadSanitizer: data race"):
            session.close()
        self.assertFalse(server.alive)
        self.assertFalse(session.dir.exists())

    def test_ports_are_not_given_twice(self):
        """Also not while nothing listens on them."""
        given = [ports.claim() for _ in range(50)]
        self.assertEqual(len(set(given)), 50)

    def test_report_counts_what_did_not_run(self):
        """A case that was expected and not decided is a failure."""
        os.environ["CELERIAC_REPORT_DIR"] = str(self.session.dir)
        try:
            report = Report("sample", ["one", "two"])
            report.case("one", True, "tab\tand\nline")
            self.assertRaises(ValueError, report.case, "one", True)
            self.assertEqual(report.close(), 1)
            self.assertEqual(report.path.read_text(), "one\tpass\ttab and line\ntwo\tfail\tdid not run\n"
                                                      "1 passed, 1 failed\n")
            self.assertEqual(Report("empty").close(), 1)
        finally:
            del os.environ["CELERIAC_REPORT_DIR"]

    def test_the_report_of_ctest_says_why(self):
        """The lines that name a failure stand beside the failed test, the last ones if none does."""
        junit = self.session.dir / "junit.xml"
        junit.write_text(JUNIT)
        done = subprocess.run([sys.executable, ROOT / "tests" / "ctest_report.py", "sample", junit],
                              env={**os.environ, "CELERIAC_REPORT_DIR": str(self.session.dir)},
                              stdout=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 1)
        lines = dict(line.split("\t", 1) for line in (self.session.dir / "sample.tsv").read_text().splitlines()[:-1])
        self.assertEqual(lines, {
            "good": "pass\t0.25 s",
            "cmocka": "fail\t1.00 s: [ ERROR ] --- 0x1 != 0x2 | [ LINE ] --- a_test.c:3: error: Failure! | "
                      "[ FAILED ] adds_up",
            "python": "fail\t2.00 s: FAIL: test_sum (__main__.SumTest.test_sum) | AssertionError: 1 != 2",
            "sanitizer": "fail\t3.00 s: WARNING: ThreadSanitizer: data race (pid=7) | "
                         "SUMMARY: ThreadSanitizer: data race a.c:9 in f",
            "silent": "fail\t4.00 s: b | c | d",
            "absent": "fail\tdid not run: Failed test dependencies: f"})

    def test_the_report_of_ctest_names_who_passed_only_when_run_again(self):
        """Such a test counts as passed and is known by its detail; one that fails again does not count."""
        first = self.session.dir / "first.xml"
        again = self.session.dir / "again.xml"
        first.write_text(JUNIT)
        again.write_text('''<testsuite name="sample"><testcase name="silent" time="1" status="run"/>
<testcase name="python" time="1" status="fail"><failure message=""/></testcase></testsuite>''')
        done = subprocess.run([sys.executable, ROOT / "tests" / "ctest_report.py", "sample", first, again],
                              env={**os.environ, "CELERIAC_REPORT_DIR": str(self.session.dir)},
                              stdout=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 1)
        lines = (self.session.dir / "sample.tsv").read_text().splitlines()
        self.assertIn("silent\tpass\tonly when run again: 4.00 s: b | c | d", lines)
        self.assertEqual([line.split("\t")[0] for line in lines[:-1] if line.split("\t")[1] == "fail"],
                         ["cmocka", "python", "sanitizer", "absent"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
