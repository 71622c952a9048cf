"""Runs inside a Celery environment: prints every event that celery.events receives, one JSON line each."""

import json

from tests.integration.worker.peer_app import app


def show(event):
    event.pop("local_received", None)
    print(json.dumps(event, default=repr), flush=True)


with app.connection() as connection:
    receiver = app.events.Receiver(connection, handlers={"*": show})
    receiver.capture(limit=None, timeout=None, wakeup=False)
