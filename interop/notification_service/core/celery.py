"""The Celery application: Celery's defaults, broker and result backend in one Redis."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

app = Celery("core")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
if os.environ.get("ORACLE_TEST_TASKS"):
    app.conf.imports = ("core.test_tasks",)
