"""Project of the oracle; "celery -A core" finds the Celery application here."""

from .celery import app as celery_app

__all__ = ["celery_app"]
