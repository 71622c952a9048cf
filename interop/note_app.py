"""A Celery application for tests of the transport, with the task of note_worker.c.

Configured by the environment: REDIS_URL, CELERY_BROKER_TRANSPORT_OPTIONS (JSON, also for the result
backend), NOTES_FILE.
"""

import json
import os
import time

from celery import Celery

app = Celery("notes", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
options = json.loads(os.environ.get("CELERY_BROKER_TRANSPORT_OPTIONS") or "{}")
app.conf.update(broker_transport_options=options,
                result_backend_transport_options={key: value for key, value in options.items()
                                                  if key != "global_keyprefix"},
                broker_connection_retry_on_startup=True, broker_connection_max_retries=None,
                worker_hijack_root_logger=False, task_acks_late=True, result_expires=600)


@app.task(name="interop.note")
def note(number, milliseconds):
    """Waits, appends a line to the file, returns the number."""
    time.sleep(milliseconds / 1000)
    line = f"{number}\t{time.time_ns() // 1000}\tpython\n"
    file = os.open(os.environ["NOTES_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return number
