"""celery-exporter in front of one Python and two C workers: python3 -m tests.integration.worker.exporter_test"""

import http.client
import unittest

from tests.integration.worker.exposition import Metrics
from tests.integration.worker.peers import Client, PythonWorker, TaskWorker, peer_env
from tests.services import Redis, Server, Session, ports, venvs, wait_until

ADDED, FAILED = 20, 5  # tasks for each worker


class Exporter(Server):
    """celery-exporter, in PyPI prometheus-exporter-celery, on a free port; it switches on the events of tasks."""

    def __init__(self, session: Session):
        super().__init__(session, "exporter")
        self.port = ports.claim()

    def prepare(self) -> None:
        venvs.ensure("exporter")

    def env(self) -> dict[str, str]:
        return peer_env(self.session)

    def command(self) -> list[str]:
        # The package has no entry point of its own; its container image starts it in this way too.
        return [str(venvs.python("exporter")), "-c", "from src.cli import cli; cli()",
                f"--broker-url={self.session.environment({})['REDIS_URL']}", "--host=127.0.0.1", f"--port={self.port}",
                "--generic-hostname-task-sent-metric"]

    def metrics(self) -> Metrics:
        """What it says now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", "/metrics")
            return Metrics(connection.getresponse().read().decode())
        finally:
            connection.close()

    def ready(self) -> bool:
        try:
            self.metrics()
            return True
        except OSError:
            return False


def total(metrics: Metrics, sample: str, /, **labels: str) -> float:
    """Sum of the samples of a name that have these labels."""
    return sum(value for (name, found), value in metrics.samples.items()
               if name == sample and frozenset(labels.items()) <= found)


class ExporterTest(unittest.TestCase):
    """A dashboard made for Python workers shows the same of C workers."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("exporter")
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        cls.client = Client(cls.session)
        cls.addClassCleanup(cls.client.close)
        cls.exporter = Exporter(cls.session).start()
        cls.workers = {"q1": TaskWorker(cls.session, "c1", words=("q1",)).start(),
                       "q2": TaskWorker(cls.session, "c2", concurrency=3, words=("q2",)).start(),
                       "qpy": PythonWorker(cls.session, "py", options=("-Q", "qpy", "-E")).start()}
        for queue in ("q1", "q2"):
            cls.client.control("enable_events", cls.workers[queue].nodename)

    def counted(self, queue):
        """What the counters grew by while the worker of a queue executed its tasks."""
        names = {"received": "celery_task_received_total", "started": "celery_task_started_total",
                 "succeeded": "celery_task_succeeded_total", "failed": "celery_task_failed_total",
                 "runtime": "celery_task_runtime_count"}

        def now():
            metrics = self.exporter.metrics()
            return {key: (total(metrics, name, name="t.add"), total(metrics, name, name="t.boom"))
                    for key, name in names.items()}

        before = now()
        ids = [self.client.send("t.add", i, 1, queue=queue) for i in range(ADDED)]
        ids += [self.client.send("t.boom", queue=queue) for _ in range(FAILED)]
        for task in ids:
            self.client.get(task)
        wait_until(lambda: now()["failed"][1] - before["failed"][1] >= FAILED
                   and now()["succeeded"][0] - before["succeeded"][0] >= ADDED, 30, f"the tasks of {queue} to be counted")
        after = now()
        return {key: tuple(b - a for a, b in zip(before[key], after[key])) for key in names}

    def test_counts_the_tasks_of_c_workers_as_those_of_python(self):
        python = self.counted("qpy")
        self.assertEqual(python["succeeded"], (ADDED, 0))
        self.assertEqual(python["failed"], (0, FAILED))
        for queue in ("q1", "q2"):
            self.assertEqual(self.counted(queue), python, queue)
        failed = total(self.exporter.metrics(), "celery_task_failed_total", name="t.boom", exception="ValueError")
        self.assertEqual(failed, len(self.workers) * FAILED)

    def test_sees_all_workers_and_their_queues(self):
        def seen():
            metrics = self.exporter.metrics()
            return [total(metrics, "celery_active_worker_count", queue_name=queue) for queue in self.workers] == [1, 1, 1]
        wait_until(seen, 60, "a worker on each queue", every=0.5)
        metrics = self.exporter.metrics()
        # All are on one host in this fleet, which is what the exporter tells workers apart by.
        self.assertEqual(total(metrics, "celery_worker_up"), 1)
        for queue in self.workers:
            self.assertEqual(total(metrics, "celery_queue_length", queue_name=queue), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
