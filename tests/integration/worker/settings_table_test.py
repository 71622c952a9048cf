"""docs/settings.md and celeriac-worker know the same options and settings, and say the same of each:
python3 -m tests.integration.worker.settings_table_test"""

import json
import re
import subprocess
import sys
import unittest

from tests.services import ROOT, Session
from tests.services.celeriac import program

WAIT_S = 30
USAGE = 64

# The settings that a worker has to know, whatever it does with them (celery/app/defaults.py).
REQUIRED = """
broker_url broker_read_url broker_write_url broker_transport_options broker_use_ssl broker_connection_retry
broker_connection_retry_on_startup broker_connection_max_retries broker_pool_limit broker_connection_timeout result_backend
result_backend_transport_options result_expires result_extended result_serializer result_accept_content
result_chord_join_timeout result_chord_retry_interval result_backend_always_retry redis_socket_timeout
redis_backend_use_ssl accept_content task_serializer task_protocol task_compression task_default_queue
task_default_exchange task_default_routing_key task_default_priority task_queues task_routes task_create_missing_queues
task_acks_late task_acks_on_failure_or_timeout task_reject_on_worker_lost task_time_limit task_soft_time_limit
task_default_rate_limit task_publish_retry task_publish_retry_policy worker_concurrency worker_prefetch_multiplier
worker_disable_prefetch worker_eta_task_limit worker_pool worker_max_tasks_per_child worker_max_memory_per_child
worker_send_task_events worker_enable_remote_control worker_disable_rate_limits worker_lost_wait
worker_soft_shutdown_timeout worker_enable_soft_shutdown_on_idle worker_cancel_long_running_tasks_on_connection_loss
worker_enable_prefetch_count_reduction worker_deduplicate_successful_tasks worker_direct worker_state_db
worker_proc_alive_timeout worker_pool_restarts event_serializer event_exchange event_queue_prefix event_queue_expires
event_queue_ttl control_exchange control_queue_ttl control_queue_expires enable_utc timezone task_send_sent_event
task_track_started task_ignore_result task_store_errors_even_if_ignored task_inherit_parent_priority
task_allow_error_cb_on_chord_header
""".split()

# The options of `celery` and `celery worker` (celery/bin).
OPTIONS = """
--app --broker --result-backend --config --loader --workdir --no-color --quiet --version --skip-checks --hostname --queues
--exclude-queues --concurrency --pool --loglevel --logfile --pidfile --uid --gid --umask --executable --detach
--task-events --events --optimization --prefetch-multiplier --disable-prefetch --time-limit --soft-time-limit
--max-tasks-per-child --max-memory-per-child --autoscale --purge --discard --include --statedb --without-gossip
--without-mingle --without-heartbeat --heartbeat-interval --beat --schedule --scheduler
""".split()

# A value other than the default of each setting that does not take a number.
VALUES = {"task_default_rate_limit": "9/m", "worker_state_db": "revoked", "task_default_queue": "shop",
          "task_routes": '{"shop.*": "shop"}',
          "broker_failover_strategy": "shuffle", "worker_pool": "prefork", "broker_transport_options": "{}",
          "result_backend_transport_options": "{}", "broker_use_ssl": "", "redis_backend_use_ssl": "", "broker_url": "",
          "result_backend": ""}


def section(title: str) -> str:
    """One chapter of docs/settings.md."""
    text = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    return re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^#)", text, re.M | re.S)[1]


def settings_of_the_manual() -> dict[str, tuple[str, str]]:
    """What is said of each of Celery's settings: the word and the text."""
    found = {}
    for names, word, text in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (\w+) \| ?(.*?) ?\|$", section("Celery's settings"), re.M):
        for name in re.findall(r"\w+", names):
            assert name not in found, f"{name} has two lines"
            found[name] = word, text
    return found


def variables_of_the_program() -> set[str]:
    """Every variable CELERY_... that a table of the program names, as a setting of Celery's would be called."""
    names = set()
    for path in ("worker/main/options.c", "worker/main/celery_settings.c", "notify/settings.c"):
        for text in re.findall(r'"((?:CELERY_[A-Z_]+ ?)+)"', (ROOT / path).read_text(encoding="utf-8")):
            names.update(word.removeprefix("CELERY_").lower() for word in text.split())
    return names


class ManualTest(unittest.TestCase):
    """Nothing here needs a server: the worker reads what it is told, and stops at a shared object that is not there."""

    @classmethod
    def setUpClass(cls):
        cls.session = Session("settings")
        cls.addClassCleanup(cls.session.close)
        cls.manual = settings_of_the_manual()

    def run_worker(self, *words: str, **variables: str) -> subprocess.CompletedProcess:
        """In a folder without .env, and without the address of a server."""
        return subprocess.run([program("celeriac-worker"), *words], env=self.session.environment(variables),
                              cwd=self.session.folder("empty"), capture_output=True, text=True, check=False, timeout=WAIT_S)

    def test_checklist_99_every_setting_has_its_line(self):
        self.assertEqual(set(REQUIRED) - self.manual.keys(), set())
        known = variables_of_the_program()
        self.assertEqual(self.manual.keys() - known, set())
        # The rest of the variables are those of options.
        options = section("celeriac-worker's options")
        for name in known - self.manual.keys():
            self.assertIn(f"`CELERY_{name.upper()}`", options)

    def test_checklist_94_every_option_has_its_line(self):
        text = section("celeriac-worker's options")
        told = {word for row in re.findall(r"^\| ([^|]*)\|", text, re.M) for word in re.findall(r"--[a-z][a-z-]+", row)}
        help_text = self.run_worker("--help").stdout
        known = set(re.findall(r"(?<![\w`-])--[a-z][a-z-]+", help_text.split("\n\n", 2)[2]))
        self.assertEqual(told - known, set())
        self.assertEqual(known - told - {"--help", "--version"}, set())
        self.assertEqual(set(OPTIONS) - known, set())

    def value(self, name: str, word: str) -> str:
        return VALUES.get(name, "json" if word == "json" else "redis://127.0.0.1:6379/0" if word == "refused" else "1")

    def test_checklist_99_what_has_no_effect_is_told(self):
        """All at once: the log names those that the manual says it names, and gives the manual's reason."""
        done = self.run_worker("-A", "./none.so", **{f"CELERY_{name.upper()}": self.value(name, word)
                                         for name, (word, _) in self.manual.items()})
        self.assertEqual(done.returncode, 1, done.stderr)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertIn("option --app", str(lines[-1]))
        said = {line["setting"]: line["because"] for line in lines if "setting" in line}
        self.assertEqual(said, {name: text for name, (word, text) in self.manual.items() if word == "told"})

    def test_checklist_99_what_cannot_be_is_refused(self):
        for name, (word, _) in self.manual.items():
            if word in ("json", "refused"):
                done = self.run_worker("--version", **{f"CELERY_{name.upper()}": "pickle"})
                self.assertEqual(done.returncode, USAGE, name)
                self.assertIn(f"CELERY_{name.upper()}", done.stderr)
            done = self.run_worker("--version", **{f"CELERY_{name.upper()}": self.value(name, word)})
            self.assertEqual(done.returncode, 0, f"{name}: {done.stderr}")
        self.assertEqual({word for word, _ in self.manual.values()}, {"done", "told", "json", "refused"})


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
