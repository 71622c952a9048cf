"""Tasks of the interop tests only; registered when ORACLE_TEST_TASKS is set."""

import time

from celery import shared_task


class Refusal(Exception):
    """What the failing tasks raise."""


@shared_task(name="interop.add")
def add(x, y):
    """The sum."""
    return x + y


@shared_task(name="interop.echo")
def echo(*args, **kwargs):
    """What it was given."""
    return {"args": args, "kwargs": kwargs}


@shared_task(name="interop.fail")
def fail(text):
    """Never succeeds, is never retried."""
    raise Refusal(text)


@shared_task(name="interop.sleep")
def sleep(seconds):
    """Takes that long."""
    time.sleep(seconds)
    return seconds


@shared_task(name="interop.flaky", bind=True, autoretry_for=(Refusal,), default_retry_delay=0, max_retries=5)
def flaky(self, failures):
    """Fails FAILURES times, then returns how often it was retried and by whom it was run."""
    if self.request.retries < failures:
        raise Refusal(f"failure {self.request.retries + 1} of {failures}")
    return {"retries": self.request.retries, "hostname": self.request.hostname}


@shared_task(name="interop.python_only", bind=True)
def python_only(self, number):
    """Known to Python workers alone: whoever else claims it must hand it back."""
    return {"number": number, "hostname": self.request.hostname}


@shared_task(name="interop.noop")
def noop():
    """Nothing, with a result."""


@shared_task(name="interop.noop_ignored", ignore_result=True)
def noop_ignored():
    """Nothing, without a result."""
