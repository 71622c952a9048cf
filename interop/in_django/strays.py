"""Who ran the tasks that only Python knows. In: task ids; out: {states: {...}, hostnames: {...}}."""

import json
import sys
from collections import Counter

import django

django.setup()

from core.celery import app

found = [json.loads(raw) if raw else None for raw in
         app.backend.mget([app.backend.get_key_for_task(task) for task in json.load(sys.stdin)])]
print(json.dumps({
    "states": Counter(record["status"] if record else "PENDING" for record in found),
    "hostnames": Counter(record["result"]["hostname"] for record in found
                         if record and record["status"] == "SUCCESS")}))
