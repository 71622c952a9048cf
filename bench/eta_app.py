"""The Python side of bench.eta: a task that is never due; the file DELIVERIES gets the id of each message that is taken."""

import json
import os

from celery import Celery, signals

app = Celery("eta", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
app.conf.broker_transport_options = json.loads(os.environ["CELERY_BROKER_TRANSPORT_OPTIONS"])
app.conf.broker_connection_retry_on_startup = True
deliveries = os.open(os.environ["DELIVERIES"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


@app.task(name="app.add")
def add(x, y):
    return x + y


@signals.task_received.connect
def note(request, **_):
    os.write(deliveries, f"{request.id}\n".encode())
