"""Tasks that only Python workers have, beside those of peer_app.py."""

import time

from tests.integration.worker.peer_app import app


@app.task(name="p.progress", bind=True, track_started=True)
def progress(self, seconds):
    """STARTED, then a state of its own, then the end."""
    time.sleep(seconds)
    self.update_state(state="HALFWAY", meta={"done": 1})
    time.sleep(seconds)
    return "done"


@app.task(name="p.request", bind=True)
def request(self, *args):
    """What the message said, as Python understands it."""
    told = self.request
    return {"args": args, "shadow": told.shadow, "argsrepr": told.argsrepr, "kwargsrepr": told.kwargsrepr,
            "stamps": getattr(told, "stamps", None), "exchange": told.delivery_info["exchange"],
            "routing_key": told.delivery_info["routing_key"], "priority": told.delivery_info["priority"]}


@app.task(name="p.slow_retry", bind=True)
def slow_retry(self, seconds):
    """Fails once and is retried after a while."""
    if self.request.retries < 1:
        raise self.retry(countdown=seconds, exc=KeyError("nope"))
    return self.request.retries
