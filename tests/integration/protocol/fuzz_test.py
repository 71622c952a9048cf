"""Spoilt bytes for all that reads bytes from strangers: python3 -m tests.integration.protocol.fuzz_test

Runs under the sanitizers too, whose complaints show in exit codes.
"""

import json
import random
import subprocess
import sys
import unittest

from interop.malformed import PIDBOX, Spoiler
from interop.notes import list_of
from tests.integration.protocol.stage import WAIT_S, Stage
from tests.services import ROOT, wait_until
from tests.services.celeriac import program

# Fewer where one is dear: compression sets up a quarter of a megabyte each time.
MUTATIONS = {"message": 5000, "body": 500, "pidbox": 5000, "result": 5000, "value": 5000}
COUNT = 300
RESULTS = 60
BYTES = [0, 9, 34, 44, 48, 58, 91, 92, 93, 123, 125, 127, 128, 255]


def mutated(source: random.Random, text: bytes) -> bytes:
    """TEXT with a few bytes changed, put in, left out, or with its end cut off."""
    data = bytearray(text)
    for _ in range(source.randint(1, 4)):
        at = source.randrange(len(data) + 1)
        what = source.randrange(4)
        if what == 0:
            data.insert(at, source.choice(BYTES))
        elif what == 1 and at < len(data):
            data[at] = source.choice(BYTES)
        elif what == 2:
            del data[at:at + source.randint(1, 8)]
        elif source.random() < 0.2:
            del data[at:]
    return bytes(data)


class DecoderTest(unittest.TestCase):
    """The codec alone: the fuzz programs with their seeds."""

    def test_checklist_100_no_decoder_minds(self):
        for name, count in MUTATIONS.items():
            with self.subTest(target=name):
                done = subprocess.run([program(f"fuzz_{name}", "tests"), str(ROOT / "tests/fuzz/corpus" / name), str(count)],
                                      capture_output=True, check=False, timeout=300)
                self.assertEqual(done.returncode, 0, done.stderr[-1000:])


class ProcessTest(Stage):
    """A running worker, and a client that reads."""

    def test_checklist_43_90_100_no_worker_minds(self):
        source = random.Random(100)
        spoiler = Spoiler(source)
        worker = self.c_worker("fail-unknown", "celery")
        client = self.client()
        client.send("t.add", 1, 2, queue="model")
        model = self.redis.call("RPOP", "model")
        for _ in range(COUNT // 50):
            batch = [mutated(source, model) for _ in range(25)] + [spoiler.make(number) for number in range(25)]
            with self.redis.client() as redis:
                redis.pipeline([("LPUSH", list_of(priority=source.choice((0, 3, 6, 9))), raw) for raw in batch])
                heard = redis.pipeline([("PUBLISH", PIDBOX, raw) for raw in batch])
            self.assertEqual(set(heard), {1})
        self.assertEqual(client.get(client.send("t.add", 2, 3)), {"state": "SUCCESS", "value": 5})
        wait_until(lambda: not self.redis.call("EXISTS", *(list_of(priority=p) for p in (0, 3, 6, 9))), WAIT_S,
                   "all to be taken")
        self.assertEqual(client.control("ping", worker.nodename), {"ok": "pong"})
        self.assertEqual(worker.stop(), 0)

    def test_checklist_100_no_reader_of_results_minds(self):
        source = random.Random(101)
        model = json.dumps({"status": "FAILURE", "result": {"exc_type": "E", "exc_message": ["\u00e9", {"a": [1]}],
                                                            "exc_module": "m"},
                            "traceback": "text", "children": [[["id", None], None]],
                            "date_done": "2026-01-02T03:04:05.678+00:00", "task_id": "id"}).encode()
        for number in range(RESULTS):
            spoilt = mutated(source, model)
            self.redis.call("SET", f"celery-task-meta-{number}", spoilt)
            done = subprocess.run([program("celeriac"), "result", str(number), "-t", "0.05", "--json"],
                                  env=self.session.environment(), capture_output=True, check=False, timeout=WAIT_S)
            # Read, a failure, or a word on what is wrong with it.
            self.assertIn(done.returncode, (0, 1, 64), (spoilt, done.stderr))
            if done.stdout:
                json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
