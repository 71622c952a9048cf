"""A kombu peer for kombu_test.c: one operation per run, then a death without any clean-up.

kombu_peer.py URL publish COUNT     publish COUNT messages through kombu's Producer
kombu_peer.py URL take COUNT        receive without acknowledging; they stay in `unacked`
kombu_peer.py URL restore           restore everything in `unacked`, as a visibility timeout does
kombu_peer.py URL consume COUNT     receive and acknowledge; print "<number> <redelivered>" lines
"""

import os
import sys

from kombu import Connection, Queue
from kombu.messaging import Producer

url, operation = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 0
options = {"visibility_timeout": 0} if operation == "restore" else {}
channel = Connection(url, transport_options=options).channel()
queue = Queue("celery")(channel)
queue.declare()
if operation == "publish":
    producer = Producer(channel)
    for number in range(count):
        producer.publish([[number], {}, {}], routing_key="celery", priority=number % 10,
                         headers={"task": "t.add", "id": f"id-{number}", "text": "\u00e9\U0001f600"},
                         correlation_id=f"id-{number}", delivery_mode=2)
elif operation == "restore":
    channel.qos.restore_visible(num=10000)
else:
    for _ in range(count):
        message = channel.basic_get("celery")
        if message is None:
            sys.exit("the queue is empty")
        if operation == "consume":
            redelivered = bool(message.headers.get("redelivered")
                               and message.delivery_info.get("redelivered"))
            print(message.payload[0][0], redelivered)
            message.ack()
sys.stdout.flush()
os._exit(0)
