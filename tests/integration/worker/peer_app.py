"""The tasks of task_worker.c as a Celery application: celery -A tests.integration.worker.peer_app worker"""

import json
import os
import time

from celery import Celery
from celery.exceptions import Reject

app = Celery("peer", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.worker_hijack_root_logger = False
app.conf.broker_connection_retry_on_startup = True
# As task_worker.c reads them.
if "PEER_ROUTES" in os.environ:
    app.conf.task_routes = json.loads(os.environ["PEER_ROUTES"])
if "PEER_DEFAULT_QUEUE" in os.environ:
    app.conf.task_default_queue = os.environ["PEER_DEFAULT_QUEUE"]
if "PEER_LATE" in os.environ:
    app.conf.task_acks_late = True
if "PEER_RESULT_COMPRESSION" in os.environ:  # Celery 5.7 knows it
    app.conf.result_compression = os.environ["PEER_RESULT_COMPRESSION"]


@app.task(name="t.add")
def add(x, y):
    return x + y


@app.task(name="t.sleep")
def sleep(seconds):
    time.sleep(seconds)
    return "slept"


@app.task(name="t.hold")
def hold(file):
    while os.path.exists(file):
        time.sleep(0.01)
    return "held"


@app.task(name="t.burn_while")
def burn_while(file):
    while os.path.exists(file):
        pass


@app.task(name="t.sleep_late", acks_late=True)
def sleep_late(seconds):
    time.sleep(seconds)
    return "slept"


@app.task(name="t.stubborn")
def stubborn(seconds):
    time.sleep(seconds)


@app.task(name="t.stubborn_late", acks_late=True)
def stubborn_late(seconds):
    time.sleep(seconds)


@app.task(name="t.burn")
def burn(seconds):
    time.sleep(seconds)


@app.task(name="t.boom")
def boom():
    raise ValueError("kaboom")


@app.task(name="t.flaky", bind=True)
def flaky(self):
    if self.request.retries < 1:
        raise self.retry(countdown=0, exc=KeyError("nope"))
    return self.request.retries


@app.task(name="t.flaky_late", bind=True, acks_late=True)
def flaky_late(self):
    if self.request.retries < 1:
        raise self.retry(countdown=0, exc=KeyError("nope"))
    return self.request.retries


@app.task(name="t.patient", bind=True)
def patient(self, times, seconds):
    if self.request.retries < times:
        raise self.retry(countdown=seconds)
    return self.request.retries


@app.task(name="t.reject", acks_late=True)
def reject():
    raise Reject("no", requeue=False)


@app.task(name="t.mul")
def mul(x, y):
    return x * y


@app.task(name="t.mul_late", acks_late=True)
def mul_late(x, y):
    return x * y


@app.task(name="t.identity")
def identity(x):
    return x


@app.task(name="t.xsum", acks_late=True)
def xsum(numbers):
    """Adds up every number in a value, however deep."""
    return sum(xsum(n) for n in numbers) if isinstance(numbers, list) else numbers


@app.task(name="t.send")
def send(name, queue=None):
    """Sends a task by its name."""
    app.send_task(name, queue=queue)


@app.task(name="t.apply")
def apply(sig):
    """Sends a canvas."""
    app.signature(sig).apply_async()


@app.task(name="t.python_only")
def python_only(x):
    """Of no C worker's."""
    return x + 1
