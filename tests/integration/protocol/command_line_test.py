"""The command line and the environment of celeriac-worker beside those of Celery's own worker.

python3 -m tests.integration.protocol.command_line_test
"""

import json
import subprocess
import sys
import unittest

from tests.integration.worker.settings_table_test import settings_of_the_manual
from tests.services import CeleriacWorker, Postgres, Redis, Session, venvs, wait_until
from tests.services.celeriac import migrate, program

WAIT_S = 30
USAGE = 64

# Asks click for each option of `celery worker` and of `celery`: its spellings, and whether it takes a value.
ASK = """
import json
from celery.bin.celery import celery
from celery.bin.worker import worker
print(json.dumps([[param.opts, bool(param.is_flag)] for command in (celery, worker) for param in command.params
                  if hasattr(param, "is_flag")]))
"""

SETTINGS = """
import json
from celery.app.defaults import NAMESPACES, flatten
print(json.dumps([name for name, _ in flatten(NAMESPACES)]))
"""

# A value for each option that takes one.
VALUES = {"--app": "shop", "--broker": "redis://h/1", "--result-backend": "redis://h/2", "--loader": "x",
          "--config": "conf", "--workdir": "/", "--hostname": "w@%h", "--statedb": "revoked", "--loglevel": "INFO",
          "--optimization": "fair", "-O": "fair", "--prefetch-multiplier": "2", "--concurrency": "3", "--pool": "threads",
          "--time-limit": "30", "--soft-time-limit": "20", "--max-tasks-per-child": "100", "--pool-start-method": "fork",
          "--max-memory-per-child": "100000", "--queues": "a,b", "--exclude-queues": "b", "--include": "tasks",
          "--heartbeat-interval": "2", "--autoscale": "4,1", "--schedule": "file", "--scheduler": "x",
          "--logfile": "log", "--pidfile": "pid", "--uid": "0", "--gid": "0", "--umask": "022", "--executable": "x"}

# Refused with a word on what to do instead: a worker without what they ask for would be missed too late.
REFUSED = {"--beat": "celery beat"}


# What has an effect, with a value other than Celery's own; the addresses are looked at by another test.
EFFECTIVE = {"result_extended": "true", "result_expires": "7200", "task_default_queue": "shop", "task_routes": '{"x.*": "other"}',
             "task_inherit_parent_priority": "true", "task_time_limit": "600", "task_soft_time_limit": "500",
             "worker_state_db": "revoked", "worker_send_task_events": "true", "worker_prefetch_multiplier": "3",
             "worker_eta_task_limit": "1000", "worker_disable_prefetch": "false", "worker_concurrency": "2",
             "worker_soft_shutdown_timeout": "1", "worker_enable_soft_shutdown_on_idle": "false",
             "broker_transport_options": '{"visibility_timeout": 1234}', "result_backend_transport_options": "{}",
             "broker_use_ssl": "", "redis_backend_use_ssl": "", "broker_failover_strategy": "shuffle",
             "broker_url": "", "result_backend": "", "task_acks_late": "true", "task_default_rate_limit": "7/s",
             "worker_direct": "true"}


class OptionsTest(unittest.TestCase):
    """What is understood, without starting."""

    def test_checklist_94_every_option_of_every_version_is_taken(self):
        for venv in ("newest", "celery53", "celery52"):
            told = subprocess.run([str(venvs.python(venv)), "-c", ASK], capture_output=True, text=True, check=True).stdout
            options = json.loads(told)
            self.assertGreater(len(options), 35)
            for spellings, is_flag in options:
                value = next((VALUES[word] for word in spellings if word in VALUES), None)
                self.assertEqual(value is None, is_flag, f"{spellings} of {venv}")
                refusal = next((REFUSED[word] for word in spellings if word in REFUSED), None)
                for word in spellings:
                    given = [word] if is_flag else [word, value]
                    done = subprocess.run([program("celeriac-worker"), *given, "--help"], capture_output=True, text=True,
                                          check=False, timeout=WAIT_S)
                    self.assertEqual(done.returncode, USAGE if refusal else 0, f"{given} of {venv}: {done.stderr}")
                    self.assertIn(refusal or "", done.stderr)
        done = subprocess.run([program("celeriac-worker"), "--nonsense", "--help"], capture_output=True, check=False)
        self.assertEqual(done.returncode, USAGE)


class EnvironmentTest(unittest.TestCase):
    """What a worker that runs has understood."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("command-line", show_logs=False)
        cls.addClassCleanup(cls.session.close)
        cls.redis = Redis(cls.session).start()
        Postgres(cls.session, fsync=False).start()
        migrate(cls.session)

    def worker(self, *options: str, **extra: str) -> CeleriacWorker:
        worker = CeleriacWorker(self.session, concurrency=1, options=options, extra=extra)
        self.addCleanup(lambda: worker.alive and self.assertEqual(worker.stop(), 0))
        return worker

    def is_seen_on(self, redis: Redis, node: str) -> bool:
        done = subprocess.run([program("celeriac"), "-b", redis.url(), "status", "--json"], capture_output=True,
                              env=self.session.environment(), check=False, timeout=WAIT_S)
        return node in json.loads(done.stdout or b"{}")

    def test_checklist_94_what_only_python_knows_is_told(self):
        worker = self.worker("--executable", "python3", "-O", "fair", "--scheduler", "x").start()
        for name in ("executable", "optimization", "scheduler"):
            self.assertTrue(worker.logged(name.replace("_", "[-_]")), name)

    def test_checklist_99_every_setting_is_known_by_its_name(self):
        """Those that have an effect have it; for each of the others the log says why it has none."""
        manual = settings_of_the_manual()
        listed = {name for name, (word, _) in manual.items() if word == "told"}
        self.assertGreater(len(listed), 30)
        told = subprocess.run([str(venvs.python("newest")), "-c", SETTINGS], capture_output=True, text=True, check=True)
        celerys = set(json.loads(told.stdout))
        self.assertEqual((manual.keys() | EFFECTIVE.keys()) - celerys, set())
        values = {**dict.fromkeys(listed, "1"), **EFFECTIVE}
        worker = self.worker(**{f"CELERY_{name.upper()}": value for name, value in values.items()})
        worker.start()
        lines = [json.loads(line) for line in worker.log_text().splitlines()]
        said = {line["setting"]: line["because"] for line in lines if "setting" in line}
        self.assertEqual(said.keys(), listed)
        self.assertTrue(all(said.values()))
        wait_until(lambda: self.is_seen_on(self.redis, worker.nodename), WAIT_S, "the worker")
        conf, queues, stats = (json.loads(subprocess.run(
            [program("celeriac"), "-b", self.redis.url(), "inspect", what, "--json"], capture_output=True, check=True,
            timeout=WAIT_S).stdout)[worker.nodename] for what in ("conf", "active_queues", "stats"))
        found = {name: conf[name] for name in ("result_expires", "worker_prefetch_multiplier", "worker_send_task_events",
                                               "task_acks_late", "task_default_rate_limit")}
        self.assertEqual(found, {"result_expires": 7200, "worker_prefetch_multiplier": 3, "worker_send_task_events": True,
                                 "task_acks_late": True, "task_default_rate_limit": "7/s"})
        # The one of the webhooks is ours alone (docs/webhooks.md).
        self.assertEqual([queue["name"] for queue in queues], ["shop", "celeriac.webhooks", f"{worker.nodename}.dq2"])
        self.assertEqual(stats["pool"]["timeouts"], [500, 600])
        subprocess.run([program("celeriac"), "-b", self.redis.url(), "control", "revoke", "some-id"], check=True,
                       capture_output=True, timeout=WAIT_S)
        self.assertEqual(worker.stop(), 0)
        self.assertTrue((worker.dir / "revoked").exists())

    def test_checklist_96_the_environment_wins_over_configuration(self):
        """Celery's own variables before REDIS_URL, and before the file .env."""
        self.redis.call("FLUSHALL")
        other, results = Redis(self.session, "other"), Redis(self.session, "results")
        self.session.offer({"REDIS_URL": self.redis.url()})
        other.start()
        results.start()
        worker = self.worker("--unknown-tasks", "fail", CELERY_BROKER_URL=other.url(),
                             CELERY_RESULT_BACKEND=results.url())
        (worker.dir / ".env").write_text(f"CELERY_BROKER_URL={self.redis.url()}\nREDIS_URL={self.redis.url()}\n"
                                         f"CELERY_RESULT_BACKEND={self.redis.url()}\n")
        worker.start()
        wait_until(lambda: self.is_seen_on(other, worker.nodename), WAIT_S, "the worker at the broker of the environment")
        self.assertFalse(self.is_seen_on(self.redis, worker.nodename))
        number = subprocess.run([program("celeriac"), "-b", other.url(), "call", "nobody.has"], capture_output=True,
                                check=True, text=True, timeout=WAIT_S).stdout.strip()
        wait_until(lambda: results.call("EXISTS", f"celery-task-meta-{number}"), WAIT_S, "the result where it belongs")
        self.assertEqual([self.redis.call("DBSIZE"), other.call("EXISTS", f"celery-task-meta-{number}")], [0, 0])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
