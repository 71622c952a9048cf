"""The Celery application: Celery's defaults, broker and result backend in one Redis."""

import os
import sys

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

app = Celery("core")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
if settings.KEEP_CONNECTIONS:
    # Celery closes the database connection around each task, whatever CONN_MAX_AGE says.
    app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize // 2
if os.environ.get("ORACLE_TEST_TASKS"):
    app.conf.imports = ("core.test_tasks",)
