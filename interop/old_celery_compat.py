"""Lets Celery 5.2 run under Python 3.12 and later, and Celery 4.4 under 3.11 and later.

kombu and billiard of their time read entry points in the form that Python had until 3.11, and take locks of
functools and logging that have gone or have another name; vine 1.3 imports a function of inspect, which only
Celery's extension of Sphinx calls. Loaded at start by a .pth file that venvs.sh puts into the environments celery44, and
celery52 where it is made from the package index.
"""

import functools
import importlib.metadata
import inspect
import logging
import sys
import threading

if not hasattr(importlib.metadata.EntryPoints, "get"):
    importlib.metadata.EntryPoints.get = lambda self, group, default=(): self.select(group=group) or default

if sys.version_info >= (3, 12):
    functools.cached_property.lock = threading.RLock()

if not hasattr(logging, "_acquireLock"):
    logging._acquireLock = logging._lock.acquire
    logging._releaseLock = logging._lock.release

if not hasattr(inspect, "formatargspec"):
    inspect.formatargspec = None
