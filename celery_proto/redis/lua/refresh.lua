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
local tags, owns = {}, {}
for i = 1, #held, 2 do
    -- The field with the empty name is no delivery.
    if held[i] ~= '' then
        tags[#tags + 1], owns[#owns + 1] = held[i], held[i + 1]
    end
end
if #tags == 0 then
    return reply
end

local scores = all_of('ZMSCORE', INDEX, tags)
local fresh, own = {}, {}
for i, tag in ipairs(tags) do
    local old, rest = string.match(owns[i], '^(%d+)( .*)$')
    if not is_held(owns[i], scores[i]) then
        reply[#reply + 1] = tag
    elseif tonumber(old) < began then
        fresh[#fresh + 1], fresh[#fresh + 2] = second, tag
        own[#own + 1], own[#own + 2] = tag, second .. rest
    end
end

-- One command for thousands of members: what costs is the call, not the member.
local function write(command, key, arguments)
    for first = 1, #arguments, 4000 do
        call(command, key, unpack(arguments, first, math.min(first + 3999, #arguments)))
    end
end
write('ZADD', INDEX, fresh)
write('HSET', OWN, own)
if #reply > 1 then
    local lost = {unpack(reply, 2)}
    write('HDEL', OWN, lost)
end
return reply
