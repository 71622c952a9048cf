-- Gives what this worker holds a fresh score, a chunk at a time.
--
-- KEYS  1 unacked_index  2 own hash
-- ARGV  1 cursor, "0" to begin  2 how many at a time, roughly  3 second at which the round began
--
-- Returns {next cursor ("0": the round is over), tags that are no longer ours...}. Those were
-- restored or taken over by a peer, and leave the own hash.

local INDEX, OWN = KEYS[1], KEYS[2]
local call = redis.call
work_without_memory(INDEX)
local second = call('TIME')[1]
local scan = call('HSCAN', OWN, ARGV[1], 'COUNT', ARGV[2])
local reply, began = {scan[1]}, tonumber(ARGV[3])
local held = scan[2]
for i = 1, #held, 2 do
    local tag, own = held[i], held[i + 1]
    local old, rest = string.match(own, '^(%d+)( .*)$')
    local is_delivery = tag ~= ''
    if is_delivery and not is_held(own, call('ZSCORE', INDEX, tag)) then
        call('HDEL', OWN, tag)
        reply[#reply + 1] = tag
    elseif is_delivery and tonumber(old) < began then
        call('ZADD', INDEX, second, tag)
        call('HSET', OWN, tag, second .. rest)
    end
end
return reply
