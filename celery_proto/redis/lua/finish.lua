-- Ends deliveries of this worker, each only if the worker still owns it, and stores results.
--
-- KEYS  1 unacked  2 unacked_index  3 own hash  4 record of this worker's last batch (hash)
--       5.. lists to push to, then keys of results
-- ARGV  1 number of this batch  2 number of deliveries  3 number of lists  4 number of results
--       5 seconds to keep results  6 number of the last batch that was answered, then for each delivery: tag, "d" delete | "b" back | "f" front |
--       "p" publish, "c" publish if the last delivery with a tag was ours (the tag is empty), and for all but delete the number of the list and the message; then the documents of the results
--
-- Ending a delivery removes every trace of it, so nothing can happen twice; the record makes a batch that
-- is sent again after a lost reply get the answer of the first time.
--
-- Returns {1 or 0 for each delivery, then what store_result() says for each result}.

local UNACKED, INDEX, OWN, RECORD = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local FIRST_LIST = 4
local call = redis.call
local deliveries, lists, results = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local seconds = tonumber(ARGV[5])
local outcomes, ended, dropped, pushes = {}, {}, {}, {}

local last_batch = deliveries > 0 and call('HGET', RECORD, 'batch')
if last_batch == ARGV[1] then
    for outcome in string.gmatch(call('HGET', RECORD, 'outcomes'), '%d') do
        outcomes[#outcomes + 1] = tonumber(outcome)
    end
    for i = 1, results do
        outcomes[deliveries + i] = 1
    end
    return outcomes
end

local at = 7
local tags = {}
for i = 1, deliveries do
    tags[i] = ARGV[at]
    at = at + (ARGV[at + 1] == 'd' and 2 or 4)
end
local in_own, in_index = all_of('HMGET', OWN, tags), all_of('ZMSCORE', INDEX, tags)

at = 7
local last_held = true
for i = 1, deliveries do
    local tag, where = ARGV[at], ARGV[at + 1]
    local held = where == 'p' or (where == 'c' and last_held) or is_held(in_own[i], in_index[i])
    outcomes[i] = held and 1 or 0
    if tag ~= '' then
        last_held = held
    end
    if held and tag ~= '' then
        ended[#ended + 1] = tag
    elseif in_own[i] and tag ~= '' then
        dropped[#dropped + 1] = tag
    end
    if where == 'd' then
        at = at + 2
    else
        if held then
            pushes[#pushes + 1] = {where, KEYS[FIRST_LIST + tonumber(ARGV[at + 2])], ARGV[at + 3]}
        end
        at = at + 4
    end
end

local held_text = table.concat(outcomes)

-- Results first: a record that announces a retry must not come after what the retry stores.
for i = 1, results do
    outcomes[deliveries + i] = store_result(KEYS[FIRST_LIST + lists + i], seconds, ARGV[at + i - 1])
end

-- For want of memory results may be refused, moves must not be.
work_without_memory(INDEX)
for _, push in ipairs(pushes) do
    if push[1] ~= 'f' then
        call('LPUSH', push[2], push[3])
    end
end
-- What goes to the front is given oldest first; the last one pushed is consumed first.
for i = #pushes, 1, -1 do
    if pushes[i][1] == 'f' then
        call('RPUSH', pushes[i][2], pushes[i][3])
    end
end

local function remove(command, key, tags)
    for first = 1, #tags, 4000 do
        call(command, key, unpack(tags, first, math.min(first + 3999, #tags)))
    end
end
remove('ZREM', INDEX, ended)
remove('HDEL', UNACKED, ended)
remove('HDEL', OWN, ended)
remove('HDEL', OWN, dropped)
if deliveries > 0 then
    call('HSET', RECORD, 'batch', ARGV[1], 'outcomes', held_text)
end
-- Batches that were answered are forgotten: the next beat shall notice.
if last_batch and tonumber(last_batch) < tonumber(ARGV[6]) then
    call('HSET', RECORD, 'forgot', 1)
end
return outcomes
