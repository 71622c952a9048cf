-- Puts deliveries back into queues: those of a dead or leaving worker, or those beyond the
-- visibility timeout. Each only if it is still what was read.
--
-- KEYS  1 unacked  2 unacked_index  3 own hash of the worker restored  4 workers  5.. lists
-- ARGV  1 "lease" or "visible"  2 worker id  3 its registration as it was read, "" for any
--       4 number of deliveries, then for each: tag, what the own hash (lease) or the index
--       (visible) said of it, number of pushes, and for each push
--       "r" (front of a queue) or "l" (head of the quarantine list), number of the list, message
--
-- Returns -1 when the registration has changed (the worker lives), else how many were put back.

local UNACKED, INDEX, OWN, WORKERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local call = redis.call
local is_lease = ARGV[1] == 'lease'

if ARGV[3] ~= '' and call('HGET', WORKERS, ARGV[2]) ~= ARGV[3] then
    return -1
end

work_without_memory(INDEX)
local restored, at = 0, 5
for _ = 1, tonumber(ARGV[4]) do
    local tag, said, pushes = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
    at = at + 3
    local index_score, is_same = call('ZSCORE', INDEX, tag), nil
    if is_lease then
        is_same = call('HGET', OWN, tag) == said and is_held(said, index_score)
    else
        is_same = index_score == said
    end
    for _ = 1, pushes do
        if is_same then
            call(ARGV[at] == 'r' and 'RPUSH' or 'LPUSH', KEYS[4 + tonumber(ARGV[at + 1])], ARGV[at + 2])
        end
        at = at + 3
    end
    if is_same then
        call('ZREM', INDEX, tag)
        call('HDEL', UNACKED, tag)
        restored = restored + pushes
    end
    if is_lease then
        call('HDEL', OWN, tag)
    end
end
return restored
