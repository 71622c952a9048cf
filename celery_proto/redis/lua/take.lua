-- Moves one message that was read by a JSON parser out of its list: into the unacked structures, or
-- into the quarantine list.
--
-- KEYS  1 list  2 unacked  3 unacked_index  4 workers  5 own hash  6 quarantine
-- ARGV  1 worker id  2 the message as it lies in the list
--       3 "claim" or "quarantine"  4 claim: delivery tag  5 what to store  6 number of this call
--
-- Returns -1 not registered, 0 the message is gone, 1 done, 2 the tag is in use. Safe to send again
-- with the same number after a lost reply.

local LIST, UNACKED, INDEX, WORKERS, OWN, QUARANTINE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local call = redis.call
local id, message, action, tag, entry, number = unpack(ARGV)

if call('HEXISTS', WORKERS, id) == 0 then
    return -1
end

work_without_memory(INDEX)
if action == 'quarantine' then
    call('LPUSH', QUARANTINE, entry)
    if call('LREM', LIST, -1, message) == 0 then
        call('LPOP', QUARANTINE)
        return 0
    end
    return 1
end

local own = call('HGET', OWN, tag)
if own then
    return string.match(own, ' 0 (%d+)$') == number and 1 or 2
end
if call('HSETNX', UNACKED, tag, entry) == 0 then
    return 2
end
local clock = call('TIME')
local order = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
-- List 0: not part of a claim that may be asked for again; the number says which call it was.
call('HSET', OWN, tag, string.format('%s %d 0 %s', clock[1], order, number))
call('ZADD', INDEX, clock[1], tag)
if call('LREM', LIST, -1, message) == 0 then
    call('HDEL', UNACKED, tag)
    call('HDEL', OWN, tag)
    call('ZREM', INDEX, tag)
    return 0
end
return 1
