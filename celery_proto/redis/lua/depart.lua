-- Removes the registration of a worker that holds nothing any more.
--
-- KEYS  1 workers  2 own hash  3 record of its last claim
-- ARGV  1 worker id  2 its registration as it was read, "" for any
--
-- Returns 1 when it is gone, 0 when it still holds something or lives.

-- The field with the empty name is no delivery.
if redis.call('HLEN', KEYS[2]) > redis.call('HEXISTS', KEYS[2], '') then
    return 0
end
if ARGV[2] ~= '' and redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
    return 0
end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2], KEYS[3])
-- The field with the empty name is the clock of lua/beat.lua; the last one stops it.
if redis.call('HLEN', KEYS[1]) == redis.call('HEXISTS', KEYS[1], '') then
    redis.call('DEL', KEYS[1])
end
return 1
