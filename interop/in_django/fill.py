"""Queues notifications as Django does. In: {count, first?, python_only?, domain?, batch?}.

Makes a tenant, COUNT rows to u<number>@<domain> (from FIRST on) and one task for each, and spreads
PYTHON_ONLY messages of a task that only Python knows evenly among them. Out: {notifications,
python_only: task ids}.
"""

import json
import sys
import uuid

import django

django.setup()

from core.celery import app
from notifications.models import Notification
from notifications.tasks import send_notification_task
from tenants.models import BusinessTenant

BATCH = 1000


def main():
    """Reads the wish, queues, prints."""
    wish = json.load(sys.stdin)
    count, first, strays = wish["count"], wish.get("first", 0), wish.get("python_only", 0)
    domain = wish.get("domain", "example.com")
    tenant = BusinessTenant.objects.create(name="Fill", email=f"{uuid.uuid4().hex}@tenant.example")
    rows, tasks = [], []
    for start in range(first, first + count, BATCH):
        rows += Notification.objects.bulk_create([
            Notification(tenant=tenant, channel="email", to=f"u{number}@{domain}",
                         data={"template_data": {"name": f"User {number}"}, "inline_subject": "Hello {{ name }}",
                               "inline_body": "Dear {{ name }},\nthis is number " + str(number) + "."})
            for number in range(start, min(start + BATCH, first + count))])
    with app.producer_pool.acquire(block=True) as producer:
        for at, row in enumerate(rows):
            send_notification_task.apply_async(args=[str(row.id)], producer=producer)
            if (at + 1) * strays // count > at * strays // count:
                tasks.append(app.send_task("interop.python_only", args=[len(tasks)], producer=producer).id)
    print(json.dumps({"notifications": [str(row.id) for row in rows], "python_only": tasks}))


main()
