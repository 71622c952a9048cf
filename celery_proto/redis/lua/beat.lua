-- A worker's sign of life, and a look for a peer that gives none.
--
-- KEYS  1 workers (hash: worker id -> "beat awake name", "" -> "awake now looked late")
--       2 the worker's own hash  3 its record
-- ARGV  1 worker id  2 number of this beat  3 node name
--       4 to register: what the own hash says of itself; "" for a mere beat
--       5 milliseconds without anybody's beat that still count  6 from which on a peer is late
--       7 from which on it is dead  8 last beat that was answered  9 last batch of ended messages
--       that was answered  10 milliseconds between two looks at the peers
--
-- Peers are judged by the awake clock: the milliseconds of the server's clock during which workers
-- reached the server. From one beat of anybody to the next it runs along, except when that took
-- longer than ARGV[5] or the server's clock was set back: then the server was frozen, stopped or out
-- of reach, or nobody was there, and it stands still. So a peer is dead when others could beat all
-- the time and it did not, whoever those others were and however short they lived.
--
-- A look reads all registrations, so it is not each beat's: whoever beats first when the last one is
-- ARGV[10] old looks for all, and notes when that was and whether a peer was late.
--
-- A server that comes back without what it answered last, from an older file or as a replica that
-- lagged behind, may say that the worker holds what it has ended. Then the worker must begin anew.
--
-- Returns {1 or 0: not registered, because it was declared dead or the server forgot something,
--          1 when a peer is late, id of a dead peer or "", its registration,
--          1 when the worker holds messages}.

local WORKERS, OWN, RECORD = KEYS[1], KEYS[2], KEYS[3]
local id, beat, name, about = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local counts_up_to, late, dead = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local call, match = redis.call, string.match

work_without_memory(WORKERS)
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local clock = call('HGET', WORKERS, '') or ''
local awake, before = match(clock, '^(%d+) (%d+)')
local looked, is_late = match(clock, '^%d+ %d+ (%d+) (%d)$')
awake, before = tonumber(awake or 0), tonumber(before or now)
looked, is_late = tonumber(looked), tonumber(is_late or 0)
if now > before and now - before <= counts_up_to then
    awake = awake + now - before
end

local function is_before(stored, answered)
    return stored and tonumber(stored) < tonumber(answered)
end

-- Whoever buries a worker removes the registration and the own hash together. If only the
-- registration is gone, somebody deleted the key, and what the worker holds is still its own.
local is_known = call('HEXISTS', WORKERS, id) == 1 or call('HEXISTS', OWN, '') == 1
local last_beat = match(call('HGET', WORKERS, id) or '', '^%d+')
local last_batch, has_forgotten = unpack(call('HMGET', RECORD, 'batch', 'forgot'))
if about ~= '' then
    is_known = true
    call('HSET', OWN, '', about)
    call('HDEL', RECORD, 'forgot')
elseif has_forgotten or is_before(last_beat, ARGV[8]) or is_before(last_batch, ARGV[9]) then
    is_known = false
    call('HDEL', WORKERS, id)
end
if is_known then
    call('HSET', WORKERS, id, string.format('%s %d %s', beat, awake, name))
end

local dead_id, registration = '', ''
-- Without a note, or with that of a clock that was further, nothing is known.
if not looked or looked > awake or awake - looked >= tonumber(ARGV[10]) then
    local peers = call('HGETALL', WORKERS)
    looked, is_late = awake, 0
    for i = 1, #peers, 2 do
        local last = match(peers[i + 1], '^%d+ (%d+) ')
        local silent = last and peers[i] ~= id and awake - tonumber(last) or 0
        if silent >= dead then
            dead_id, registration = peers[i], peers[i + 1]
        end
        if silent >= late then
            is_late = 1
        end
    end
end
-- There may be more dead than one: the next beat looks again.
local note = dead_id == '' and string.format(' %d %d', looked, is_late) or ''
call('HSET', WORKERS, '', string.format('%d %d%s', awake, now, note))
-- The field with the empty name is no delivery.
local holds = call('HLEN', OWN) > call('HEXISTS', OWN, '') and 1 or 0
return {is_known and 1 or 0, is_late, dead_id, registration, holds}
