"""The programs of examples/, run as their comments say: python3 -m tests.integration.app.examples_test"""

import json
import subprocess
import sys
import unittest

from tests.integration.app.app_test import WAIT_S, Stage
from tests.integration.worker.peers import peer_env
from tests.services import ROOT, venvs
from tests.services.celeriac import program

# What the comment of tasks.c shows, and what a Python program sees of it.
CELERY_CALLER = """
import json, os, sys
from celery import Celery
app = Celery(broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
told = app.backend.client.pubsub()
told.psubscribe("celery-task-meta-*")
assert told.get_message(timeout=30)["type"] == "psubscribe"
rows = app.send_task("shop.import_rows", [2000])
assert rows.get(timeout=30) == 2000
states = []
while ("SUCCESS", 2000) not in states:
    message = json.loads(told.get_message(timeout=30)["data"])
    states.append((message["status"], message["result"]))
assert ("PROGRESS", {"done": 2000, "of": 2000}) in states, states[-3:]
assert [child.get(timeout=30) for child in rows.children] == [2001]
late = app.send_task("shop.fetch", [sys.argv[1]])
while late.state != "RETRY":
    pass
assert isinstance(late.info, FileNotFoundError), late.info
with open(sys.argv[1], "w") as file:
    file.write("here I am\\n")
assert late.get(timeout=30) == "here I am"
try:
    app.send_task("shop.add", [1]).get(timeout=30)
except TypeError as error:
    print(error)
"""


class ExamplesTest(Stage):
    """Each of the three, with the tasks of the second served by celeriac-worker."""

    def setUp(self):
        super().setUp()
        self.worker("-A", program("tasks.so", "examples"))

    def run_example(self, name: str, *words: str) -> str:
        """What a program prints."""
        done = subprocess.run([program(name, "examples"), *words], env=self.session.environment(), cwd=self.dir,
                              capture_output=True, text=True, check=False, timeout=WAIT_S)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def test_send_and_wait(self):
        self.assertEqual(self.run_example("send_and_wait", "shop.add", "[40, 2]"), "42")
        self.assertEqual(self.run_example("send_and_wait", "shop.add", "[40]"),
                         "FAILURE: TypeError[\"add() missing 1 required positional argument: 'y'\"]")

    def test_canvas(self):
        status, _, result = self.run_example("canvas").partition(" ")
        self.assertEqual((status, json.loads(result)), ("SUCCESS", {"sums": [2, 4, 6]}))

    def test_tasks_called_from_python(self):
        venvs.ensure("newest")
        done = subprocess.run([str(venvs.python("newest")), "-c", CELERY_CALLER, str(self.dir / "late")],
                              env=peer_env(self.session), cwd=ROOT, capture_output=True, text=True, check=False,
                              timeout=120)
        self.assertEqual((done.returncode, done.stdout.strip()),
                         (0, "add() missing 1 required positional argument: 'y'"), done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
