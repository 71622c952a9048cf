"""Runs inside a Celery environment: reads calls as JSON lines, answers each with one JSON line.

["inspect", NAME, {arguments}, {options}]: what app.control.inspect(**options).NAME(**arguments) returns
["control", NAME, {arguments}, {options}]: what app.control.broadcast(NAME, arguments, reply=True, **options) returns
["send", TASK, [args], {options}]: sends a task, returns its id; ["get", ID]: its result or error
"""

import json
import sys

from tests.integration.worker.peer_app import app


def answer(kind, *rest):
    if kind == "inspect":
        name, arguments, options = rest
        inspect = app.control.inspect(**options)
        if hasattr(inspect, name):
            return getattr(inspect, name)(*arguments.pop("*", []), **arguments)
        return inspect._request(name, **arguments)
    if kind == "control":
        name, arguments, options = rest
        return app.control.broadcast(name, arguments=arguments, reply=True, **{"timeout": 1.0, **options})
    if kind == "send":
        task, args, options = rest
        return app.send_task(task, args, **options).id
    if kind == "get":
        result = app.AsyncResult(rest[0])
        value = result.get(timeout=20, propagate=False)
        return {"state": result.state, "value": value if result.successful() else repr(value)}
    raise ValueError(kind)


for line in sys.stdin:
    try:
        reply = answer(*json.loads(line))
    except Exception as error:  # told to the test, which judges
        reply = {"raised": repr(error)}
    print(json.dumps(reply, default=repr), flush=True)
