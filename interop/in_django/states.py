"""Watches one task through each state of its result, as a Python client sees it.

In: {"tenant": uuid}; a worker must be running and the SMTP server must refuse fail-9-...@ for a
while. Out: {case: [passed, detail]}.
"""

import json
import sys
import time
import uuid

import django

django.setup()

from celery import states
from celery.exceptions import TaskRevokedError, TimeoutError as ResultTimeout
from celery.result import AsyncResult
from core.celery import app
from notifications.models import Notification
from notifications.tasks import send_notification_task

PATIENCE_S = 60


def notification(tenant, to):
    """A row to send."""
    return str(Notification.objects.create(
        tenant_id=tenant, channel="email", to=to,
        data={"template_data": {}, "inline_subject": "s", "inline_body": "b"}).id)


def wait_state(result, wanted):
    """Polls until the state is one of WANTED."""
    deadline = time.monotonic() + PATIENCE_S
    while result.state not in wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return result.state


def pending(_run):
    """An id nobody knows."""
    result = AsyncResult(str(uuid.uuid4()), app=app)
    try:
        result.get(timeout=0.3)
    except ResultTimeout:
        return result.state == states.PENDING and result.info is None, result.state
    return False, "get() returned"


def success(run):
    """get() waits by subscription from before the end, and returns null."""
    began = time.monotonic()
    result = send_notification_task.delay(notification(run.tenant, f"state-{uuid.uuid4().hex}@example.com"))
    value = result.get(timeout=PATIENCE_S)
    return (value is None and result.state == states.SUCCESS and result.info is None and result.successful(),
            f"{result.state} after {time.monotonic() - began:.2f} s")


def retry(run):
    """Between two attempts: not ready, the reason is there as an exception."""
    result = send_notification_task.delay(notification(run.tenant, f"fail-9-{uuid.uuid4().hex}@example.com"))
    state = wait_state(result, {states.RETRY})
    info, ready = result.info, result.ready()
    detail = f"{state} {info!r}"
    if state != states.RETRY or ready or not isinstance(info, Exception):
        return False, detail
    value = result.get(timeout=PATIENCE_S)  # given up after three retries: the task succeeds with null
    return value is None and result.state == states.SUCCESS, f"{detail}, then {result.state}"


def failure(run):
    """Arguments that no attempt can do anything with: at last the task fails, and get() raises."""
    result = run.failing
    state = wait_state(result, {states.FAILURE, states.SUCCESS})
    try:
        value = result.get(timeout=1)
    except Exception as error:
        good = (state == states.FAILURE and type(result.info) is type(error) and result.failed()
                and not isinstance(error, ResultTimeout))
        return good, f"{state} {error!r}"
    return False, f"{state}, get() returned {value!r}"


def revoked(run):
    """Expired before it could start."""
    number = notification(run.tenant, f"state-{uuid.uuid4().hex}@example.com")
    result = send_notification_task.apply_async(args=[number], expires=-5)
    state = wait_state(result, {states.REVOKED, states.SUCCESS, states.FAILURE})
    try:
        result.get(timeout=1)
    except TaskRevokedError as error:
        unsent = Notification.objects.get(id=number).status == "pending"
        return state == states.REVOKED and unsent, f"{state} {error!r}"
    except Exception as error:
        return False, f"{state}, get() raised {error!r}"
    return False, f"{state}, get() returned"


class Run:
    """What the cases need. The task that is to fail is sent first, as its retries take a while."""

    def __init__(self):
        self.tenant = json.load(sys.stdin)["tenant"]
        self.failing = send_notification_task.delay("not-a-uuid")


def main():
    """Runs all cases."""
    run = Run()
    answers = {}
    for case in (pending, success, retry, revoked, failure):
        try:
            answers[case.__name__] = case(run)
        except Exception as error:
            answers[case.__name__] = (False, f"{type(error).__name__}: {error}")
    print(json.dumps(answers))


main()
