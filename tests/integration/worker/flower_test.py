"""Flower in front of one Python and two C workers: python3 -m tests.integration.worker.flower_test"""

import http.client
import json
import unittest
import urllib.parse

from tests.integration.worker.peers import Client, PythonWorker, TaskWorker, peer_env
from tests.services import ROOT, Redis, Server, Session, ports, venvs, wait_until


class Flower(Server):
    """Flower on a free port."""

    def __init__(self, session: Session):
        super().__init__(session, "flower")
        self.port = ports.claim()

    def prepare(self) -> None:
        venvs.ensure("flower")

    def env(self) -> dict[str, str]:
        return {**peer_env(self.session), "FLOWER_UNAUTHENTICATED_API": "true"}

    def cwd(self) -> str:
        return str(ROOT)

    def command(self) -> list[str]:
        return [str(venvs.python("flower")), "-m", "celery", "-A", "tests.integration.worker.peer_app", "flower",
                "--address=127.0.0.1", f"--port={self.port}", "--inspect_timeout=2000"]

    def request(self, method: str, path: str, **form):
        """One request; returns status and body, decoded if it is JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = urllib.parse.urlencode(form)
            connection.request(method, path, body, {"Content-Type": "application/x-www-form-urlencoded"})
            reply = connection.getresponse()
            text = reply.read().decode()
            try:
                return reply.status, json.loads(text)
            except ValueError:
                return reply.status, text
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            return self.request("GET", "/healthcheck")[0] == 200
        except OSError:
            return False


class FlowerTest(unittest.TestCase):
    """What Flower shows, and what it does to C workers."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("flower")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.client = Client(cls.session)
        cls.addClassCleanup(cls.client.close)
        cls.flower = Flower(cls.session).start()
        cls.first = TaskWorker(cls.session, "c1", words=("q1",)).start()
        cls.second = TaskWorker(cls.session, "c2", concurrency=3, words=("q2", "q3")).start()
        cls.python = PythonWorker(cls.session, "py", options=("-Q", "qpy")).start()
        cls.nodes = (cls.first.nodename, cls.second.nodename, cls.python.nodename)
        # Flower asks workers that it knows by their events, and switches on those of tasks.
        wait_until(lambda: set(cls.workers(refresh="true")) >= set(cls.nodes), 60, "Flower to know all workers", every=0.5)

    @classmethod
    def workers(cls, **query):
        status, body = cls.flower.request("GET", "/api/workers?" + urllib.parse.urlencode(query))
        return body if status == 200 else {}

    def post(self, path, **form):
        status, body = self.flower.request("POST", path, **form)
        self.assertEqual(status, 200, body)
        return body

    def wait_state(self, task, state):
        def there():
            status, body = self.flower.request("GET", f"/api/task/info/{task}")
            return status == 200 and body["state"] == state and body
        return wait_until(there, 30, f"Flower to show {task} as {state}", every=0.2)

    def test_lists_all_workers_with_pools_and_queues(self):
        found = self.workers(refresh="true")
        self.assertEqual({node: found[node]["stats"]["pool"]["max-concurrency"] for node in self.nodes},
                         dict(zip(self.nodes, (2, 3, 2))))
        self.assertEqual({node: {q["name"] for q in found[node]["active_queues"]} for node in self.nodes},
                         dict(zip(self.nodes, ({"q1"}, {"q2", "q3"}, {"qpy"}))))
        for node in self.nodes:
            self.assertIn("t.add", found[node]["registered"])
            self.assertIn("broker_url", found[node]["conf"])
        status = self.workers(status="true")
        self.assertEqual({node: status[node] for node in self.nodes}, dict.fromkeys(self.nodes, True))

    def test_shows_active_and_finished_tasks(self):
        tasks = {}
        for node, queue in zip(self.nodes, ("q1", "q2", "qpy")):
            done = self.client.send("t.add", 1, 2, queue=queue)
            failed = self.client.send("t.boom", queue=queue)
            tasks[node] = (done, failed)
        for node, (done, failed) in tasks.items():
            info = self.wait_state(done, "SUCCESS")
            self.assertEqual((info["name"], info["result"], info["args"]), ("t.add", "3", "[1, 2]"))
            self.assertEqual(info["worker"], node)
            self.assertIn("kaboom", self.wait_state(failed, "FAILURE")["exception"])
        file = self.session.dir / "held"
        file.touch()
        self.addCleanup(file.unlink, missing_ok=True)
        running = self.client.send("t.hold", str(file), queue="q1")
        self.wait_state(running, "STARTED")
        found = self.workers(refresh="true", workername=self.first.nodename)
        self.assertEqual([t["id"] for t in found[self.first.nodename]["active"]], [running])
        for page in ("/workers", "/tasks", f"/worker/{self.first.nodename}", f"/task/{running}", "/metrics"):
            status, body = self.flower.request("GET", page)
            self.assertEqual(status, 200, page)
        self.assertIn(self.first.nodename, body)

    def test_revokes(self):
        task = self.client.send("t.add", 1, 2, queue="q2", countdown=15)
        wait_until(lambda: self.client.inspect("scheduled", self.second.nodename), 20, "the task to wait")
        self.post(f"/api/task/revoke/{task}")
        self.assertEqual(self.client.get(task)["state"], "REVOKED")
        self.wait_state(task, "REVOKED")

    def test_limits_rates_and_changes_queues_and_pools(self):
        node = self.first.nodename
        self.assertEqual(self.post("/api/task/rate-limit/t.flaky", workername=node, ratelimit="10/m"),
                         {"message": "new rate limit set successfully"})
        self.assertEqual(self.post(f"/api/worker/queue/add-consumer/{node}", queue="q9"),
                         {"message": "add consumer q9"})
        self.assertEqual(self.client.get(self.client.send("t.add", 4, 5, queue="q9"))["value"], 9)
        self.post(f"/api/worker/queue/cancel-consumer/{node}", queue="q9")
        self.post(f"/api/worker/pool/grow/{node}", n=2)
        self.assertEqual(self.client.inspect("stats", node)["pool"]["max-concurrency"], 4)
        self.post(f"/api/worker/pool/shrink/{node}", n=2)
        self.assertEqual(self.client.inspect("stats", node)["pool"]["max-concurrency"], 2)
        status, body = self.flower.request("POST", f"/api/worker/pool/restart/{node}")
        self.assertEqual(status, 403)
        self.assertIn("Pool restarts not enabled", body)

    def test_shuts_down(self):
        leaving = TaskWorker(self.session, "leaving", words=("q4",)).start()
        wait_until(lambda: leaving.nodename in self.workers(refresh="true"), 60, "Flower to know it", every=0.5)
        self.post(f"/api/worker/shutdown/{leaving.nodename}")
        self.assertEqual(leaving.wait_end(), 0)
        wait_until(lambda: self.workers(status="true").get(leaving.nodename) is False, 60,
                   "Flower to see it gone", every=0.5)


if __name__ == "__main__":
    unittest.main(verbosity=2)
