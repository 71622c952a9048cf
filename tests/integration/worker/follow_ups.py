"""Sends tasks to one queue whose follow-ups go elsewhere: python -m tests.integration.worker.follow_ups QUEUE"""

import sys

from celery import chain, chord, group

from tests.integration.worker.patience import value_of
from tests.integration.worker.peer_app import add, app, boom, flaky, identity, mul, xsum


def wait_for(result):
    """Until a task has ended, however it has."""
    try:
        value_of(result)
    except (ValueError, KeyError):
        pass


def main(queue):
    """Each of the tasks that run is in the queue; what follows it is run by nobody."""
    def here(sig):
        return sig.set(queue=queue)

    add_here, boom_here = here(add.s(1, 2)), here(boom.si())
    wait_for(add_here.clone().apply_async(link=[mul.s(2), identity.s(), group(xsum.s(), mul.s(3)), app.signature(
        "strange", (1,))]))
    wait_for(add_here.clone().apply_async(link=[mul.s(4).set(queue="q.own"), mul.s(5).set(priority=9),
                                                identity.s().set(exchange="e", routing_key="k")]))
    wait_for(chain(add_here.clone(), mul.s(6), add.s(1)).apply_async().parent.parent)
    wait_for(boom_here.apply_async(link_error=[identity.s(), app.signature("strange")]))
    header = [here(add.s(i, i)) for i in range(2)]
    sent = chord(header)(xsum.s())
    for result in sent.parent:
        wait_for(result)
    wait_for(flaky.apply_async(queue=queue))
    for name in ("t.mul", "t.identity", "t.xsum", "strange"):
        wait_for(app.send_task("t.send", (name,), queue=queue))
        wait_for(app.send_task("t.send", (name, "q.own"), queue=queue))
    for sig in (mul.s(1, 2), group(identity.s(1), mul.s(3, 4)), chord([identity.s(1)], xsum.s())):
        wait_for(app.send_task("t.apply", (sig,), queue=queue))
    stamped = app.signature("t.send", ("stampless",)).set(queue=queue)
    stamped.stamp(tenant="acme")
    wait_for(stamped.apply_async())


main(sys.argv[1])
