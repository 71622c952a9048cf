"""Every remote control command of Celery, to a Python and a C worker: the answers differ where the table says, and why.

python3 -m tests.integration.protocol.control_table_test
report: build/report/control.tsv, one line for each command
"""

import sys
import unittest

from tests.integration.protocol.stage import WAIT_S, Stage
from tests.services import Report, wait_until

# Arguments that bring about an answer worth comparing. An id that runs, waits or is unknown is filled in by the test.
ARGUMENTS = {
    "query_task": {"ids": ["RUNNING", "WAITING", "unknown"]}, "registered": {"taskinfoitems": ["rate_limit"]},
    "conf": {"with_defaults": False}, "hello": {"from_node": "x@y", "revoked": {}}, "objgraph": {"num": 1},
    "memdump": {"samples": 1}, "rate_limit": {"task_name": "t.add", "rate_limit": "10/s"},
    "time_limit": {"task_name": "t.add", "hard": 100, "soft": 90}, "revoke": {"task_id": "unknown"},
    "terminate": {"task_id": "unknown", "signal": "TERM"}, "revoke_by_stamped_headers": {"headers": {"stamp": "value"}},
    "add_consumer": {"queue": "more"}, "cancel_consumer": {"queue": "more"}, "pool_grow": {"n": 1}, "pool_shrink": {"n": 1},
    "autoscale": {"max": 4, "min": 2}, "election": {"id": "1", "topic": "t", "action": None},
}

# Asked at the end, in this order: what makes room for a waiting task, and what leaves a lone Python worker deaf.
LAST = ("pool_grow", "pool_shrink", "election")

# Command: place in the answer, and why it differs. A place that does not differ (any more) is an error as well.
ONLY_SET = "only what was set is shown, and the two were configured differently"
DIFFERENCES = {
    "conf": {
        **{f"answer.{name}: not in Python's": "a setting that ours always has a value for"
           for name in ("broker_transport_options", "result_expires", "worker_concurrency",
                        "worker_prefetch_multiplier", "worker_send_task_events")},
        **{f"answer.{name}: only in Python's": ONLY_SET
           for name in ("broker_connection_retry_on_startup", "deprecated_settings", "include", "worker_disable_prefetch",
                        "worker_hijack_root_logger")}},
    "hello": {"answer.revoked: object, Python array":
              "the form of Celery before 5.7, which 5.7 reads too; older ones refuse an array"},
    "memsample": {"answer: string, Python null": "Python needs psutil for it, which is not installed here"},
    "pool_shrink": {
        "answer.ok: not in Python's": "a busy thread leaves when its task has ended",
        "answer.error: only in Python's": "all child processes are busy, which a pool of processes refuses"},
    "stats": {
        "answer.pool.threads: not in Python's": "as Celery's own pool of threads shows it",
        "answer.pool.writes: string, Python object": "likewise: there are no pipes to children whose writes could be counted"},
}


def shape(value):
    """The type of a value as JSON has it."""
    return {bool: "bool", int: "number", float: "number", str: "string", type(None): "null", list: "array",
            dict: "object"}[type(value)]


def places(ours, theirs, place="answer"):
    """Where two answers differ in shape; of arrays the first elements are looked at."""
    if shape(ours) != shape(theirs):
        yield f"{place}: {shape(ours)}, Python {shape(theirs)}"
    elif isinstance(ours, dict):
        for key in sorted(ours.keys() - theirs.keys()):
            yield f"{place}.{key}: not in Python's"
        for key in sorted(theirs.keys() - ours.keys()):
            yield f"{place}.{key}: only in Python's"
        for key in sorted(ours.keys() & theirs.keys()):
            yield from places(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, list) and ours and theirs:
        yield from places(ours[0], theirs[0], f"{place}[]")
    elif isinstance(ours, list) and bool(ours) != bool(theirs):
        yield f"{place}: {'filled' if ours else 'empty'}, Python {'filled' if theirs else 'empty'}"


class TableTest(Stage):
    """Both workers have two running tasks, one that waits for a thread and one for its eta."""

    def prepare(self, queue, node):
        """Fills a worker; returns the ids of a running and a waiting task."""
        client = self.client()
        running = [client.send("t.sleep", 60, queue=queue) for _ in range(2)]
        wait_until(lambda: len(client.inspect("active", node) or ()) == 2, WAIT_S, "two to run")
        waiting = client.send("t.add", 1, 2, queue=queue)
        client.send("t.add", 1, 2, queue=queue, countdown=600)
        wait_until(lambda: client.inspect("reserved", node) and client.inspect("scheduled", node), WAIT_S, "two to wait")
        client.control("revoke", node, {"task_id": "revoked-before"})
        return running[0], waiting

    def test_checklist_82_83_86_87_every_command(self):
        report = Report("control")
        c = self.c_worker("qc")
        py = self.python_worker("newest", "-Q", "qpy")
        ids = {node.nodename: self.prepare(queue, node.nodename) for node, queue in ((c, "qc"), (py, "qpy"))}
        commands = self.python("""
import celery.worker.control as control
answer = {name: info.type for name, info in control.Panel.meta.items()}
""")
        self.assertGreater(len(commands), 30)
        client = self.client()
        client.call("control", "ping", {}, {})
        commands.pop("shutdown")
        for name in sorted(commands, key=lambda name: (LAST.index(name) if name in LAST else -1, name)):
            answers = []
            for node in (c.nodename, py.nodename):
                fill = dict(zip(("RUNNING", "WAITING"), ids[node]))
                arguments = {key: [fill.get(id, id) for id in value] if key == "ids" else value
                             for key, value in ARGUMENTS.get(name, {}).items()}
                answer = client.control(name, node, arguments)
                # Ids are keys there: named alike, so that they can be compared.
                if name == "query_task":
                    answer = {next(word for word, id in fill.items() if id == key): value for key, value in answer.items()}
                answers.append(answer)
            found = dict.fromkeys(places(*answers))
            listed = DIFFERENCES.get(name, {})
            wrong = [place for place in found if place not in listed] + \
                    [f"{place} is listed and does not differ" for place in listed if place not in found]
            report.case(f"{commands[name]} {name}", not wrong,
                        "; ".join(wrong) or "; ".join(f"{place} ({listed[place]})" for place in found) or "alike")
        leavers = self.c_worker("qs", name="c-leaving"), self.python_worker("newest", "-Q", "qs", name="py-leaving")
        answers = [client.control("shutdown", node.nodename) for node in leavers]
        codes = [node.wait_end() for node in leavers]
        report.case("control shutdown", answers == [None, None] and codes == [0, 0], f"alike, exit codes {codes}")
        c.kill()
        self.assertEqual(report.close(), 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
