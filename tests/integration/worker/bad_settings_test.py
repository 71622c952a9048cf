"""Every variable of docs/settings.md and docs/rest.md with a value that makes no sense: code 64, and one line that names it.
python3 -m tests.integration.worker.bad_settings_test"""

import json
import re
import subprocess
import sys
import unittest

from tests.integration.worker.settings_table_test import settings_of_the_manual
from tests.services import ROOT, Session
from tests.services.celeriac import program

WAIT_S = 30
USAGE = 64
FAILURE = 1

# What is no number, in words that are none of a level's or a kind's either.
NONSENSE = "nonsense"

# Variables of which every value means something: texts, names, files that may come to be, and booleans, of which
# django-environ takes every text. For the worker's other settings see settings_table_test.py.
ANY = set("""
DB_USER DB_PASSWORD DB_HOST ALLOWED_HOSTS DJANGO_SECRET_KEY DEBUG EMAIL_USE_TLS CELERIAC_TEST_KEYS_SEND CELERIAC_WEBHOOKS
CELERY_QUIET CELERY_NO_COLOR NO_COLOR REMAP_SIGTERM
CELERY_WORKER_EXCLUDE_QUEUES CELERY_WORKER_DISABLE_PREFETCH CELERY_WORKER_DETACH CELERY_WORKER_TASK_EVENTS
CELERY_WORKER_WITHOUT_HEARTBEAT CELERY_WORKER_WITHOUT_MINGLE CELERY_WORKER_WITHOUT_GOSSIP CELERY_WORKER_STATEDB
CELERY_WORKER_PURGE CELERY_WORKER_POOL CELERY_WORKER_POOL_RESTARTS CELERY_RESULT_EXTENDED
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE CELERY_TASK_DEFAULT_QUEUE CELERY_TASK_INHERIT_PARENT_PRIORITY CELERY_TASK_ACKS_LATE
CELERY_TASK_ACKS_ON_FAILURE_OR_TIMEOUT CELERY_TASK_ACKS_ON_TIMEOUT CELERY_TASK_REJECT_ON_WORKER_LOST
CELERY_TASK_TRACK_STARTED CELERY_TASK_IGNORE_RESULT CELERY_TASK_STORE_ERRORS_EVEN_IF_IGNORED
CELERY_WORKER_STATE_DB CELERY_WORKER_SEND_TASK_EVENTS
CELERY_WORKER_ENABLE_REMOTE_CONTROL CELERY_WORKER_DISABLE_RATE_LIMITS CELERY_WORKER_DIRECT
""".split())

# The value that makes no sense, where NONSENSE does.
BAD = {
    "REDIS_URL": "amqp://127.0.0.1", "CELERY_BROKER_URL": "redis://127.0.0.1:x", "CELERY_RESULT_BACKEND": "db+sqlite:///x",
    "CELERY_BROKER_TRANSPORT_OPTIONS": "{", "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS": "[]",
    "CELERY_BROKER_USE_SSL": '{"ssl_cert_reqs": 9}', "CELERY_REDIS_BACKEND_USE_SSL": "1",
    "CELERY_TASK_ROUTES": '{"a.*": {"queue": 1}}', "CELERY_TASK_DEFAULT_RATE_LIMIT": "10/d",
    "DB_NAME": "host=x nonsense=1", "DB_PORT": "5432,5433",
    "CELERIAC_SMTP_HOSTS": "a host:25", "EMAIL_HOST": "a host", "EMAIL_HOST_USER": "a\x01", "EMAIL_HOST_PASSWORD": "a\n",
    "DEFAULT_FROM_EMAIL": "a@example.com\n", "CELERIAC_EMAIL_HELO": "a host", "CELERIAC_EMAIL_CA_FILE": "a\nfile",
    "TWILIO_ACCOUNT_SID": "AC/1", "TWILIO_AUTH_TOKEN": "\x01", "TWILIO_FROM_NUMBER": "\x01", "TWILIO_WHATSAPP_FROM": "\x01",
    "TWILIO_MESSAGING_SERVICE_SID": "MG/1", "TWILIO_BASE_URL": "ftp://example.com",
    "FCM_CREDENTIALS": "FILE", "FCM_BASE_URL": "ftp://example.com", "FCM_TOKEN_URL": "ftp://example.com",
    "CELERY_WORKER_HOSTNAME": "a\x01", "CELERY_WORKER_QUEUES": ",", "CELERY_WORKER_LOGFILE": "x" * 70000,
    "CELERY_WORKER_PIDFILE": "x" * 70000, "CELERY_WORKER_HEARTBEAT_INTERVAL": "0.05", "CELERY_WORKER_AUTOSCALE": "1,2",
    "CELERY_WORKER_UMASK": "9", "CELERY_WORKER_BEAT": "1", "CELERY_WORKER_PREFETCH_MULTIPLIER": "1025",
    "CELERY_BROKER_READ_URL": "redis://elsewhere", "CELERY_BROKER_WRITE_URL": "redis://elsewhere",
}

# What is a matter of the machine, where a value may be right another time: the value, and what is said with code 1.
MACHINE = {"CELERIAC_API_CA_FILE": ("./none", "CELERIAC_API_CA_FILE: "),
           "CELERIAC_WEBHOOK_CA_FILE": ("./none", "CELERIAC_WEBHOOK_CA_FILE: "),
           "CELERIAC_API_LOGFILE": ("./none/log", "log file ./none/log: ")}

# A file that is no account is left, as the manual says.
LEFT = {"GOOGLE_APPLICATION_CREDENTIALS"}

# Django's API does not look at what only workers need; nor does this one, but for the kind of value.
WORKERS_ONLY = {name for name in BAD if name.startswith(("EMAIL_", "TWILIO_", "FCM_"))} - {"EMAIL_PORT"} | {
    "DEFAULT_FROM_EMAIL", "CELERIAC_EMAIL_HELO", "CELERIAC_EMAIL_CA_FILE", "CELERIAC_API_CA_FILE",
    "CELERIAC_WEBHOOK_CA_FILE",
    "CELERY_RESULT_BACKEND", "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS", "CELERY_REDIS_BACKEND_USE_SSL"}


def table(path: str, title: str) -> set[str]:
    """The variables that a chapter of the manual has a line for."""
    text = (ROOT / path).read_text(encoding="utf-8")
    lines = re.search(rf"^## {re.escape(title)}$(.*?)(?=^#)", text, re.M | re.S)[1]
    cells = [re.split(r"(?<!\\)\|", line)[1:3] for line in lines.splitlines() if line.startswith("| `") or line.startswith("| |")]
    return {name for row in cells for cell in row for name in re.findall(r"`([A-Z][A-Z_]{3,})(?:=\w+)?`", cell)}


class BadSettingsTest(unittest.TestCase):
    """Nobody is connected to: the database and the broker are where nobody listens."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("bad_settings")
        cls.addClassCleanup(cls.session.close)
        cls.folder = cls.session.folder("empty")
        (cls.folder / "account.json").write_text('{"type": "user"}')
        BAD["FCM_CREDENTIALS"] = str(cls.folder / "account.json")
        key = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, text=True, check=True, timeout=WAIT_S).stdout
        (cls.folder / "good.json").write_text(json.dumps({
            "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": key,
            "client_email": "p@example.com", "token_uri": "https://example.com/token"}))
        both = table("docs/settings.md", "Both daemons")
        cls.worker = both | table("docs/settings.md", "celeriac-worker's options") | {
            f"CELERY_{name.upper()}" for name, (word, _) in settings_of_the_manual().items() if word != "told"}
        cls.api = both | table("docs/rest.md", "Running it")

    def run_daemon(self, name: str, variables: dict[str, str]) -> subprocess.CompletedProcess:
        """In a folder without .env, or with one."""
        nobody = {"DB_HOST": "127.0.0.1", "DB_PORT": "1", "REDIS_URL": "redis://127.0.0.1:1/0",
                  "CELERIAC_API_BIND": "127.0.0.1:0"}
        return subprocess.run([program(name)], env=self.session.environment({**nobody, **variables}), cwd=self.folder,
                              capture_output=True, text=True, check=False, timeout=WAIT_S)

    def context(self, name: str) -> dict[str, str]:
        """What else has to be there for a value to be looked at."""
        if name.startswith("TWILIO_") or name == "CELERIAC_API_CA_FILE":
            return {"TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_FROM_NUMBER": "1",
                    "TWILIO_WHATSAPP_FROM": "1"}
        if name.startswith("FCM_"):
            return {"FCM_CREDENTIALS": str(self.folder / "good.json")}
        return {}

    def assert_refused(self, daemon: str, name: str):
        value, text = MACHINE.get(name) or (BAD.get(name, NONSENSE), f"{daemon}: environment variable {name}: ")
        done = self.run_daemon(daemon, {**self.context(name), name: value})
        self.assertEqual(done.returncode, FAILURE if name in MACHINE else USAGE, f"{name}: {done.stderr}")
        lines = [line for line in done.stderr.splitlines() if "has no effect" not in line]
        self.assertEqual(len(lines), 1, done.stderr)
        self.assertIn(text, lines[0])

    def test_worker(self):
        self.assertEqual((ANY | BAD.keys()) - self.worker, set(), "no such variable")
        self.assertGreater(len(self.worker), 110)
        for name in sorted(self.worker - ANY - LEFT):
            with self.subTest(name):
                self.assert_refused("celeriac-worker", name)

    def test_api(self):
        self.assertGreater(len(self.api), 65)
        for name in sorted(self.api - ANY - LEFT - WORKERS_ONLY):
            with self.subTest(name):
                self.assert_refused("celeriac-api", name)

    def test_files_and_options_are_named_as_well(self):
        """The line of .env, and the option, where they are what counts."""
        (self.folder / ".env").write_text('A=1\nCELERY_TASK_ROUTES="[1]"\n')
        self.addCleanup((self.folder / ".env").unlink)
        done = self.run_daemon("celeriac-worker", {})
        self.assertEqual((done.returncode, done.stderr.split(": ")[1:3]), (USAGE, [".env line 2", "CELERY_TASK_ROUTES"]))
        done = subprocess.run([program("celeriac-worker"), "-b", "amqp://h"], cwd=self.folder, capture_output=True, text=True,
                              check=False, timeout=WAIT_S, env=self.session.environment({"CELERY_TASK_ROUTES": "[]"}))
        self.assertEqual((done.returncode, done.stderr.split(": ")[1]), (USAGE, "option --broker"))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
