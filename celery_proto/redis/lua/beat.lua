-- A worker's sign of life, and everybody else's.
--
-- KEYS  1 workers (hash: id -> "beat name")
-- ARGV  1 worker id  2 its new value
--
-- Returns {1, all fields and values}, or {0, ...} without writing when the worker is not there:
-- it was declared dead.

local is_known = redis.call('HEXISTS', KEYS[1], ARGV[1])
if is_known == 1 then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
return {is_known, redis.call('HGETALL', KEYS[1])}
