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


@app.task(name="p.slow_retry", bind=True)
def slow_retry(self, seconds):
    """Fails once and is retried after a while."""
    if self.request.retries < 1:
        raise self.retry(countdown=seconds, exc=KeyError("nope"))
    return self.request.retries
