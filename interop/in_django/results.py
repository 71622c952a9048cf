"""Reads results as a Python client does it. In: task ids; out: [{state, value, error, info}]."""

import json
import sys

import django

django.setup()

from celery.result import AsyncResult
from core.celery import app

WAIT_S = 10

found = []
for task_id in json.load(sys.stdin):
    result = AsyncResult(task_id, app=app)
    answer = {"value": None, "error": None}
    try:
        answer["value"] = result.get(timeout=WAIT_S)
    except Exception as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    answer["state"] = result.state
    answer["info"] = repr(result.info)
    found.append(answer)
print(json.dumps(found))
