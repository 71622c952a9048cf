"""Builds canvases with a Celery environment, sends them, and prints what each came to as JSON lines.

python -m tests.integration.worker.canvases NAME...  (none: all)
"""

import json
import sys
import uuid

from celery import chain, chord, group, signature
from celery.result import result_from_tuple

from tests.integration.worker.patience import value_of
from tests.integration.worker.peer_app import add, app, boom, flaky, identity, mul, mul_late, sleep_late, xsum


def state_of(result):
    """How a task ended: its state and its value or exception."""
    try:
        value = value_of(result)
    except Exception as error:  # told to the test, which compares
        return ["FAILURE", type(error).__name__, str(error)]
    return ["SUCCESS", value]


def masked(outcome, *ids):
    """An outcome without the ids that differ from run to run."""
    text = json.dumps(outcome)
    for i, one in enumerate(ids):
        text = text.replace(one, f"<{i}>")
    return json.loads(text)


def linked():
    """A callback, several callbacks, and a group among them."""
    one, two, three = (str(uuid.uuid4()) for _ in range(3))
    sig = add.s(1, 2)
    sig.link(mul.s(10).set(task_id=one))
    sig.link(mul.si(6, 7).set(task_id=two))
    sig.link(group(add.s(100).set(task_id=three)))
    result = sig.apply_async()
    outcome = [state_of(result)] + [state_of(app.AsyncResult(i)) for i in (one, two, three)]
    children = app.backend.get_task_meta(result.id)["children"]
    return [outcome, len(children)]


def linked_once():
    one = str(uuid.uuid4())
    result = add.apply_async((1, 2), link=mul.s(10).set(task_id=one))
    outcome = [state_of(result), state_of(app.AsyncResult(one))]
    meta = app.backend.get_task_meta(one)
    return [outcome, meta.get("parent_id") == result.id,
            masked(json.loads(json.dumps(app.backend.get_task_meta(result.id)["children"])), one)]


def chained():
    result = chain(add.s(1, 2), mul.s(3), add.s(4), mul.s(5))()
    return [state_of(result), state_of(result.parent), state_of(result.parent.parent)]


def chain_with_retry():
    return state_of((flaky.s() | add.s(1)).apply_async())


def chain_with_kwargs_and_immutable():
    return state_of(chain(add.s(1, y=2), mul.si(3, 3), add.s(y=1))())


def chain_fails():
    result = chain(add.s(1, 2), boom.si(), add.s(1), mul.s(2))()
    return [state_of(result), state_of(result.parent), state_of(result.parent.parent)]


def errback():
    one = str(uuid.uuid4())
    result = boom.apply_async(link_error=identity.s().set(task_id=one))
    return masked([state_of(result), state_of(app.AsyncResult(one))], result.id)


def chain_errback():
    one = str(uuid.uuid4())
    canvas = chain(add.s(1, 2), boom.si(), add.s(1))
    result = canvas.on_error(identity.s().set(task_id=one)).apply_async()
    return masked([state_of(result), state_of(app.AsyncResult(one))], result.parent.id, result.id)


def grouped():
    result = group(add.s(i, i) for i in range(10))()
    return value_of(result)


def chord_small():
    return state_of(chord([add.s(i, i) for i in range(3)])(xsum.s()))


def chord_late():
    return state_of(chord([mul_late.s(i, i) for i in range(20)])(xsum.s()))


def chord_in_order():
    return state_of(chord([identity.s({"n": i, "t": "\u00e9\u20ac"}) for i in range(30)])(identity.s()))


def chord_thousand():
    return state_of(chord([add.s(i, 1) for i in range(1000)])(xsum.s()))


def chord_of_one():
    return state_of(chord([add.s(1, 2)])(xsum.s()))


def chord_empty():
    return state_of(chord([])(xsum.s()))


def chord_in_chain():
    return state_of(chain(add.s(1, 1), group(add.s(i) for i in range(5)), xsum.s(), mul.s(2))())


def two_chords_in_chain():
    canvas = chain(add.s(1, 1), group(add.s(1), add.s(2)), xsum.s(), group(mul.s(2), mul.s(3)), xsum.s(), add.s(1))
    return state_of(canvas())


def group_then_group():
    result = chain(group(add.s(1, 1), add.s(2, 2)), group(xsum.s(), identity.s()))()
    return value_of(result)


def chain_ends_in_group():
    return value_of(chain(add.s(1, 1), group(add.s(1), mul.s(10)))())


def chord_of_chains():
    header = [chain(add.s(i, 1), mul.s(2), add.s(1)) for i in range(8)]
    return state_of(chord(header)(xsum.s()))


def chord_of_chords():
    header = [chord([add.s(i, j) for j in range(4)], xsum.s()) for i in range(4)]
    return state_of(chord(header)(xsum.s()))


def chord_body_chain():
    return state_of(chord([add.s(1, 1), add.s(2, 2)], chain(xsum.s(), mul.s(3), add.s(1)))())


def chord_body_group():
    result = chord([add.s(1, 1), add.s(2, 2)], group(xsum.s(), identity.s()))()
    return value_of(result)


def nested_groups():
    canvas = chord([group(add.s(1, 1), group(add.s(2, 2), add.s(3, 3))), add.s(4, 4)], identity.s())
    value = state_of(canvas())
    return [value[0], sorted(json.dumps(v) for v in value[1]) if value[0] == "SUCCESS" else value[1:]]


def chain_ending_in_group_in_chord():
    canvas = chord([chain(add.s(1, 1), group(add.s(1), add.s(2))), add.s(5, 5)], identity.s())
    return state_of(canvas())


def chord_fails():
    one = str(uuid.uuid4())
    failing = boom.si().set(task_id=one)
    body = xsum.s()
    errback_id = str(uuid.uuid4())
    body.link_error(identity.s().set(task_id=errback_id))
    result = chord([add.s(1, 1), failing, add.s(2, 2)])(body)
    outcome = state_of(result)
    return masked([outcome, state_of(app.AsyncResult(errback_id))], one, result.id)


def chain_in_chord_fails():
    one = str(uuid.uuid4())
    result = chord([chain(boom.si(), add.s(1).set(task_id=one)), add.s(2, 2)])(xsum.s())
    outcome = state_of(result)
    outcome[2] = outcome[2].split(" raised ")[-1]
    return outcome


def chord_then_failing_step():
    result = chain(group(add.s(1, 1), add.s(2, 2)), xsum.s(), boom.si(), add.s(1))()
    return state_of(result)


def linked_chain_and_chord():
    one, two = str(uuid.uuid4()), str(uuid.uuid4())
    sig = add.s(1, 2)
    sig.link(chain(mul.s(2), add.s(1).set(task_id=one)))
    sig.link(chord([add.s(1), add.s(2)], xsum.s().set(task_id=two)))
    result = sig.apply_async()
    return [state_of(result), state_of(app.AsyncResult(one)), state_of(app.AsyncResult(two))]


def stamped():
    one = str(uuid.uuid4())
    sig = chain(add.s(1, 2), mul.s(3).set(task_id=one))
    if hasattr(sig, "stamp"):
        sig.stamp(tenant="acme")
    return state_of(sig.apply_async())


def ignored_in_chord():
    header = [add.s(i, i).set(ignore_result=True) for i in range(4)]
    return state_of(chord(header)(xsum.s()))


def serialised():
    """A canvas that has been JSON in between, as a caller of another language builds it."""
    canvas = json.loads(json.dumps(chain(add.s(1, 2), group(mul.s(2), mul.s(3)), xsum.s())))
    return state_of(signature(canvas, app=app).apply_async())


def mapped():
    """Maps that return, and maps that fail: a task that is called directly is not retried."""
    fine = [identity.map([1, "\u00e9", [None]]), identity.map([]), add.starmap([(1, 2), (3, 4)])]
    failing = [boom.starmap([(), ()]), flaky.starmap([(), ()])]
    return [state_of(sig.apply_async()) for sig in fine + failing]


def map_in_canvases():
    maps = [add.starmap([(i, 1), (i, 2)]) for i in range(5)]
    return [state_of(chord(maps)(xsum.s())), state_of(chain(add.s(1, 2), add.starmap([(1, 1), (2, 2)]), xsum.s())()),
            state_of(add.apply_async((1, 2), link=identity.map([5]))), value_of(group(maps)())]


def chunked():
    return [value_of(add.chunks(zip(range(10), range(10)), 3)()),
            state_of(chord([add.chunks(zip(range(4), range(4)), 2).group()])(xsum.s()))]


def sent_builtins():
    """Celery's own tasks, called by their names."""
    send = app.send_task
    return [state_of(send("celery.accumulate", (1, [2]))), state_of(send("celery.accumulate", (1, [2]), {"index": 1})),
            state_of(send("celery.accumulate", (1,), {"index": 3})), state_of(send("celery.backend_cleanup")),
            state_of(send("celery.chain", (1,)))]


def sent_canvases():
    """Canvases as tasks, whose results are the tuples of what they have sent."""
    gid, one, body = (str(uuid.uuid4()) for _ in range(3))
    chunk = result_from_tuple(value_of(app.send_task("celery.chunks", (add.s(), [(1, 2), (3, 4), (5, 6)], 2))), app)
    result = app.send_task("celery.group", ([add.s(1).set(task_id=one)], [[gid, None], [[[one, None], None]]], gid,
                                            (2,)))
    group_of = masked(state_of(result), gid, one)
    chord_of = result_from_tuple(value_of(app.send_task(
        "celery.chord", ([add.s(1), add.s(2)], xsum.s().set(task_id=body)), {"partial_args": [10]})), app)
    return [value_of(chunk), group_of, state_of(app.AsyncResult(one)), state_of(chord_of)]


def slow_chord():
    """Long enough for workers to be killed meanwhile; every message is acknowledged late."""
    header = [chain(sleep_late.si(0.05), mul_late.si(i, 2)) for i in range(300)]
    return state_of(chord(header)(xsum.s()))


def slow_nested():
    """The same with groups in the header, whose results are read when the last part is there."""
    header = [chain(sleep_late.si(0.05), group(mul_late.si(i, 2), mul_late.si(i, 3))) for i in range(100)]
    return state_of(chord(header)(xsum.s()))


def strange_map():
    kwargs = {"task": {"task": "t.nobodys", "args": []}, "it": [1]}
    outcome = state_of(app.send_task("celery.map", kwargs=kwargs))
    return outcome[:2] + [outcome[2].strip("'")]


def awaited():
    """Not there yet when the client looks for it first."""
    return state_of(chain(sleep_late.si(0.3), add.si(1, 2))())


def awaited_once():
    """The ends of a chain and of chords, each waited for by Celery's get() alone."""
    failing = chord([chain(sleep_late.si(0.5), boom.si())], xsum.s())
    sent = [chain(sleep_late.si(0.5), add.si(1, 2)), chord([chain(sleep_late.si(0.5), add.si(4, 5))], xsum.s()), failing]
    outcome = []
    for canvas in sent:
        try:
            outcome.append(["SUCCESS", canvas.apply_async().get(timeout=40, follow_parents=False)])
        except Exception as error:  # told to the test, which compares
            outcome.append(["FAILURE", type(error).__name__])
    return outcome


EXTRA = [slow_chord, slow_nested, awaited, awaited_once, strange_map]
SCENARIOS = [linked, linked_once, chained, chain_with_retry, chain_with_kwargs_and_immutable, chain_fails, errback,
             chain_errback, grouped, chord_small, chord_late, chord_in_order, chord_thousand, chord_of_one, chord_empty,
             chord_in_chain, two_chords_in_chain, group_then_group, chain_ends_in_group, chord_of_chains,
             chord_of_chords, chord_body_chain, chord_body_group, nested_groups, chain_ending_in_group_in_chord,
             chord_fails, chain_in_chord_fails, chord_then_failing_step, linked_chain_and_chord, stamped,
             ignored_in_chord, serialised, mapped, map_in_canvases, chunked, sent_builtins, sent_canvases]


def main(names):
    for scenario in SCENARIOS + (EXTRA if names else []):
        if names and scenario.__name__ not in names:
            continue
        try:
            outcome = scenario()
        except Exception as error:  # told to the test, which compares
            outcome = ["raised", repr(error)]
        print(json.dumps([scenario.__name__, outcome]), flush=True)


main(sys.argv[1:])
