"""Waiting for results as a client must that did not send the task itself."""

import time

from celery.exceptions import TimeoutError as NotReady
from celery.result import GroupResult

TURN_S = 2


def value_of(result, seconds=60):
    """What result.get() returns or raises, waiting in short turns.

    Celery's client subscribes on one connection and then looks for the result on another, without waiting for the
    first. A busy server may serve the look, a worker's result and the subscription in this order: then nobody is ever
    told of the result, and only the look with which the next turn begins finds it.

    A failed header task would be raised instead of the chord's own error, if it is stored and that is not yet: the
    parents are left alone.
    """
    options = {} if isinstance(result, GroupResult) else {"follow_parents": False}
    deadline = time.monotonic() + seconds
    while True:
        try:
            return result.get(timeout=TURN_S, **options)
        except NotReady:
            if time.monotonic() >= deadline:
                raise
