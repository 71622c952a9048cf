"""What the machine itself allows, measured in the same run: the yardstick beside the table."""

import subprocess
import time

from interop import stage

from .meter import cpu
from .workloads import Bench, noop_message

BATCH = 64
CLAIM = """
local messages = redis.call('LRANGE', KEYS[1], -64, -1)
redis.call('LTRIM', KEYS[1], 0, -65)
local hash, index = {}, {}
for i, message in ipairs(messages) do
    local tag = ARGV[1] .. i
    hash[#hash + 1] = tag
    hash[#hash + 1] = message
    index[#index + 1] = i
    index[#index + 1] = tag
end
redis.call('HSET', KEYS[2], unpack(hash))
redis.call('ZADD', KEYS[3], unpack(index))
return messages
"""
ACK = """
redis.call('HDEL', KEYS[1], unpack(ARGV))
redis.call('ZREM', KEYS[2], unpack(ARGV))
return 1
"""


def redis_limit(bench: Bench, count: int) -> tuple[float, float]:
    """Claiming and acknowledging 64 at a time by the simplest scripts: tasks/s and CPU-ms of Redis each."""
    with bench.redis.client() as client:
        client.call("FLUSHALL")
        message = noop_message("interop.noop")
        for start in range(0, count, 1000):
            client.call("LPUSH", "celery", *[message] * min(1000, count - start))
        claim, ack = client.call("SCRIPT", "LOAD", CLAIM), client.call("SCRIPT", "LOAD", ACK)
        used, began = cpu(bench.redis.pid), time.monotonic()
        for number in range(count // BATCH):
            tag = f"{number:08d}-0000-4000-8000-00000000"
            client.call("EVALSHA", claim, 3, "celery", "unacked", "unacked_index", tag)
            client.call("EVALSHA", ack, 2, "unacked", "unacked_index", *[f"{tag}{i}" for i in range(1, BATCH + 1)])
        took = time.monotonic() - began
        done = count // BATCH * BATCH
        return done / took, 1000 * (cpu(bench.redis.pid) - used) / done


def postgres_limit(bench: Bench, count: int, batch: int) -> tuple[float, float]:
    """The two updates of a sent notification, BATCH rows in a transaction: rows/s and CPU-ms of PostgreSQL each."""
    bench.postgres.psql("TRUNCATE notifications, dead_letters CASCADE")
    bench.redis.call("FLUSHALL")
    stage.python_json(bench.session, "in_django/fill.py", {"count": count}, extra=bench.extra)
    bench.postgres.psql("DROP TABLE IF EXISTS bench_ids; CREATE TABLE bench_ids AS "
                        "SELECT row_number() OVER () - 1 AS n, id FROM notifications; "
                        "CREATE INDEX ON bench_ids (n); VACUUM ANALYZE bench_ids; VACUUM ANALYZE notifications")
    lines = []
    for start in range(0, count, batch):
        for change in ("status = 'processing'", "status = 'sent', sent_at = now(), provider_response = '{\"provider\": \"email\"}'"):
            lines.append(f"UPDATE notifications t SET {change}, updated_at = now() FROM bench_ids b "
                         f"WHERE b.n >= {start} AND b.n < {start + batch} AND t.id = b.id;")
    used, began = cpu(bench.postgres.pid), time.monotonic()
    bench.postgres.psql("\n".join(lines))
    took = time.monotonic() - began
    spent = 1000 * (cpu(bench.postgres.pid) - used) / count
    bench.postgres.psql("DROP TABLE bench_ids")
    return count / took, spent


def smtp_limit(bench: Bench, count: int) -> tuple[float, float]:
    """Mails over kept connections by a client that does nothing else: mails/s and CPU-ms of that client."""
    done = subprocess.run([str(stage.ROOT / "build/release/bench/smtp_limit"), str(bench.sink.port), str(count)],
                          capture_output=True, text=True, check=True)
    rate, spent = done.stdout.split()
    return float(rate), float(spent)
