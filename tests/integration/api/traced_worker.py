"""A Celery worker whose tasks OpenTelemetry follows: it runs the send task and tells which trace it was in.

REDIS_URL names the broker; each run appends to the list "traces" there.
"""

import json
import os

import redis
from celery import Celery
from opentelemetry import trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
CeleryInstrumentor().instrument()

app = Celery("traced", broker=os.environ["REDIS_URL"])


@app.task(name="notifications.tasks.send_notification_task", bind=True, ignore_result=True)
def send_notification_task(self, notification_id):
    """Sends nothing."""
    span = trace.get_current_span()
    parent = span.parent
    found = {"notification": notification_id, "task": self.request.id,
             "trace": format(span.get_span_context().trace_id, "032x"),
             "parent": format(parent.span_id, "016x") if parent else None,
             "state": dict(span.get_span_context().trace_state)}
    redis.Redis.from_url(os.environ["REDIS_URL"]).rpush("traces", json.dumps(found))
