"""Publishes the task as a Python client does it. In: [{id, countdown?, protocol?}]; out: task ids."""

import json
import sys

import django

django.setup()

from core.celery import app
from notifications.tasks import send_notification_task

ids = []
for wish in json.load(sys.stdin):
    app.conf.task_protocol = wish.get("protocol", 2)
    app.amqp.__dict__.pop("create_task_message", None)  # cached from the protocol before
    sent = send_notification_task.apply_async(args=[wish["id"]], countdown=wish.get("countdown"))
    ids.append(sent.id)
print(json.dumps(ids))
