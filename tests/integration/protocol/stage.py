"""What the cases of the checklist share: servers for each class, Celery of several versions, and our tool."""

import json
import subprocess
import unittest

from tests.integration.worker.peers import Client, PythonWorker, TaskWorker, peer_env
from tests.services import ROOT, Redis, Session, venvs
from tests.services.celeriac import program

VERSIONS = ("newest", "celery52", "celery44")
MORE_TASKS = ("-I", "tests.integration.protocol.more_tasks")
WAIT_S = 30


class Stage(unittest.TestCase):
    """One Redis for each class; what a test starts ends with it."""

    @classmethod
    def setUpClass(cls):
        venvs.ensure(*VERSIONS)
        cls.session = Session("protocol", show_logs=False)
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()

    def setUp(self):
        self.redis.call("FLUSHALL")

    def c_worker(self, *words: str, name: str = "c", concurrency: int = 2) -> TaskWorker:
        """A C worker that has to end well."""
        worker = TaskWorker(self.session, name, concurrency, words).start()
        self.addCleanup(lambda: worker.alive and self.assertEqual(worker.stop(), 0))
        return worker

    def python_worker(self, venv: str = "newest", *options: str, name: str = "py") -> PythonWorker:
        """A Python worker of that version, with the tasks of more_tasks.py too."""
        worker = PythonWorker(self.session, name, venv, options=(*MORE_TASKS, *options)).start()
        self.addCleanup(worker.kill)
        return worker

    def client(self, venv: str = "newest") -> Client:
        """Celery's client of that version."""
        client = Client(self.session, venv)
        self.addCleanup(client.close)
        return client

    def tool(self, *words: str, status: int = 0):
        """What our tool answers with --json."""
        done = subprocess.run([program("celeriac"), *words, "--json"], env=self.session.environment(), check=False,
                              timeout=120, capture_output=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, status, f"{words[:2]}: {done.stdout[-500:]!r} {done.stderr[-500:]!r}")
        return json.loads(done.stdout)

    def python(self, code: str, venv: str = "newest"):
        """Runs CODE with the application of peer_app.py as app; returns what it leaves in the variable answer."""
        whole = ("import json\nfrom tests.integration.worker.peer_app import *\n"
                 "from tests.integration.protocol.more_tasks import *\n"
                 + code + "\nprint('ANSWER', json.dumps(answer))\n")
        done = subprocess.run([str(venvs.python(venv)), "-c", whole], env=peer_env(self.session), cwd=ROOT, check=False,
                              timeout=180, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, f"{venv}: {done.stderr[-3000:]}")
        return json.loads(done.stdout.rpartition("ANSWER ")[2])

    def each_version(self):
        """Each version of Celery as a subtest."""
        for venv in VERSIONS:
            with self.subTest(celery=venv):
                yield venv

    def idle(self) -> bool:
        """Whether no queue and nobody holds a message."""
        return not self.redis.call("EXISTS", "unacked", "unacked_index", "celery", "celery\x06\x163",
                                   "celery\x06\x166", "celery\x06\x169")
