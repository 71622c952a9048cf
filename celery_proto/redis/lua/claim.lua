-- Moves up to `room` messages from queue lists into kombu's unacked structures and our own hash.
--
-- KEYS  1 unacked (hash)  2 unacked_index (zset)  3 workers (hash)  4 what this worker holds (hash)
--       5 record of this worker's last claim (hash)  6.. lists, step by step, queue by queue
-- ARGV  1 worker id  2 claim number  3 "1" if this number was sent before  4 room
--       5 number of queues  6 elements to look at in one list  7 number of task names
--       8.. the names (none: every task is ours), then one offset from the tail for each list
--
-- Returns {-1} when the worker is not registered, {-2} for a claim number that is over, else
-- {0, strays seen, {list, next offset, ...}, {list, tag, message, ...}, {list, message, ...}}; the
-- last array holds messages that must be read by a real JSON parser. They are left where they are.
--
-- The claim number makes the script safe to send again after a lost reply: the same number gives
-- the same messages, an older one gives nothing.

local UNACKED, INDEX, WORKERS, OWN, RECORD = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local FIRST_LIST = 5
local find, match, sub = string.find, string.match, string.sub
local byte, format = string.byte, string.format
local call = redis.call

local id, number, is_again = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local room, queues, look_max = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local task_count = tonumber(ARGV[7])
local lists = #KEYS - FIRST_LIST

if call('HEXISTS', WORKERS, id) == 0 then
    return {-1}
end

-- An envelope out of `[envelope, "exchange", "routing_key"]`; the two names hold no escapes.
local function envelope_of(entry)
    return match(entry, '^%[(.*), "[^"]*", "[^"]*"%]$')
end

-- What this number has claimed before, without what has left our hands since.
local function same_again()
    local first, last = unpack(call('HMGET', RECORD, 'first', 'last'))
    first, last = tonumber(first), tonumber(last)
    local found, messages = {}, {}
    local own = call('HGETALL', OWN)
    for i = 1, #own, 2 do
        local order, list = match(own[i + 1], '^%d+ (%d+) (%d+)')
        order = tonumber(order or 0)
        if order >= first and order <= last and list ~= '0' then
            found[#found + 1] = {order, tonumber(list), own[i]}
        end
    end
    table.sort(found, function(a, b) return a[1] < b[1] end)
    for _, one in ipairs(found) do
        local entry = call('HGET', UNACKED, one[3])
        local envelope = entry and envelope_of(entry)
        if envelope then
            messages[#messages + 1] = one[2]
            messages[#messages + 1] = one[3]
            messages[#messages + 1] = envelope
        end
    end
    return {0, 0, {}, messages, {}}
end

local last = tonumber(call('HGET', RECORD, 'n') or 0)
if number <= last then
    return number == last and same_again() or {-2}
end

local known
if task_count > 0 then
    known = {}
    for i = 1, task_count do
        known[ARGV[7 + i]] = true
    end
end

-- The position behind the colon of a member that occurs exactly once, in the spelling of Python or
-- in compact JSON. A quoted name followed by a colon cannot stand inside a JSON string: its quotes
-- would be escaped. The search leaves out the first quote, which is a frequent byte.
local function value_of(message, name)
    local start, stop = find(message, name, 1, true)
    if not stop or find(message, name, stop, true) or byte(message, start - 1) ~= 34 then
        return nil
    end
    return stop + 1
end

local function text_of(message, name)
    local start = value_of(message, name)
    return start and match(message, '^ ?"([^"\\]*)"', start)
end

-- What ends the entry of a message in `unacked`: `, "exchange", "routing_key"]`. Most messages have
-- the address of the one before.
local known_address, known_ending
local function ending_of(message)
    local start = value_of(message, 'delivery_info":')
    if not start then
        return nil
    end
    if known_address and sub(message, start, start + #known_address - 1) == known_address then
        return known_ending
    end
    local address, exchange, routing_key = match(message,
        '^( ?{"exchange": ?"([^"\\]*)", ?"routing_key": ?"([^"\\]*)"[,}])', start)
    if not address then
        return nil
    end
    known_address, known_ending = address, ', "' .. exchange .. '", "' .. routing_key .. '"]'
    return known_ending
end

work_without_memory(INDEX)
local clock = call('TIME')
local second = clock[1]
local order = tonumber(second) * 1000000 + tonumber(clock[2])
local first_order = order + 1
local messages, odd = {}, {}
local strays = 0

-- How far each list was looked at: `skip` elements at the tail are passed over from the start,
-- `left` more were seen and left.
local state = {}
for list = 1, lists do
    state[list] = {skip = tonumber(ARGV[7 + task_count + list]) or 0, left = 0, seen = 0, taken = 0}
end

-- Removing from the middle costs a walk from the tail; this many steps are allowed in one claim.
local walk_budget = 100000

-- Reads what is needed of each message of a window, newest last. Tags and endings of those that are
-- ours stand at their places; others' places are false, the parser's nil.
local function read_window(window)
    local tags, endings, seen = {}, {}, {}
    local list_of_tags, place_of_tags = {}, {}
    for i = #window, 1, -1 do
        local message = window[i]
        local task = known and text_of(message, 'task":')
        -- A message without a name is nobody's: it is taken, and goes to quarantine.
        if task and task ~= '' and not known[task] then
            tags[i] = false
        else
            local tag = text_of(message, 'delivery_tag":')
            local ending = ending_of(message)
            if tag and ending and tag ~= '' and not seen[tag] and not find(tag, ' ', 1, true) then
                seen[tag] = true
                tags[i], endings[i] = tag, ending
                local at = #list_of_tags + 1
                list_of_tags[at], place_of_tags[at] = tag, i
            end
        end
    end
    -- A tag in use belongs to another copy of a message; neither may hide the other.
    local in_unacked, in_own = all_of('HMGET', UNACKED, list_of_tags), all_of('HMGET', OWN, list_of_tags)
    for i = 1, #list_of_tags do
        if in_unacked[i] or in_own[i] then
            tags[place_of_tags[i]] = nil
        end
    end
    return tags, endings
end

-- Writes what was taken from one window.
local function write(entries, index, own)
    call('HSET', UNACKED, unpack(entries))
    call('ZADD', INDEX, unpack(index))
    call('HSET', OWN, unpack(own))
end

-- Looks at one window of a list and takes what is ours, at most `want`. False when the list has
-- nothing more for us now.
local function take_window(list, want)
    local s, key = state[list], KEYS[FIRST_LIST + list]
    local past = s.skip + s.left
    local size = want
    if s.left > 0 and size < 64 then
        size = 64
    end
    size = math.min(size, look_max - s.seen)
    if size <= 0 then
        return false
    end
    local window = call('LRANGE', key, -(past + size), -(past + 1))
    local tags, endings = read_window(window)
    local entries, index, own, middle = {}, {}, {}, {}
    local from_tail, taken, i = 0, 0, #window
    while i > 0 and taken < want and walk_budget > 0 do
        local message, tag = window[i], tags[i]
        if tag then
            taken = taken + 1
            order = order + 1
            entries[2 * taken - 1] = tag
            entries[2 * taken] = '[' .. message .. endings[i]
            index[2 * taken - 1], index[2 * taken] = second, tag
            own[2 * taken - 1], own[2 * taken] = tag, format('%s %d %d', second, order, list)
            local at = #messages
            messages[at + 1], messages[at + 2], messages[at + 3] = list, tag, message
            if past == 0 and s.left == 0 then
                from_tail = from_tail + 1
            else
                middle[#middle + 1] = message
                walk_budget = walk_budget - s.skip - s.left
            end
        else
            s.left = s.left + 1
            if tag == false then
                strays = strays + 1
            elseif #odd < 2 * room then
                odd[#odd + 1] = list
                odd[#odd + 1] = message
            end
        end
        i = i - 1
    end
    s.seen = s.seen + #window - i
    s.taken = s.taken + taken
    if taken > 0 then
        write(entries, index, own)
    end
    if from_tail > 0 then
        call('LTRIM', key, 0, -(from_tail + 1))
    end
    for _, message in ipairs(middle) do
        call('LREM', key, -1, message)
    end
    if #window < size and i == 0 then
        s.at_end = true
        return false
    end
    return walk_budget > 0
end

-- Step by step; within a step the queues that have messages share the room.
for first = 1, lists, queues do
    local open = {}
    for list = first, first + queues - 1 do
        if room * 3 > #messages and call('LLEN', KEYS[FIRST_LIST + list]) > 0 then
            open[#open + 1] = list
        end
    end
    while #open > 0 and room * 3 > #messages do
        local share = math.ceil((room - #messages / 3) / #open)
        local still = {}
        for _, list in ipairs(open) do
            local left = room - #messages / 3
            if left > 0 and take_window(list, math.min(share, left)) then
                still[#still + 1] = list
            end
        end
        open = still
    end
end

if #messages > 0 or is_again then
    call('HSET', RECORD, 'n', ARGV[2], 'first', format('%d', first_order), 'last', format('%d', order))
end

-- Where to look next time: further on after a look that found nothing, from the tail again when
-- the end was reached.
local offsets = {}
for list = 1, lists do
    local s = state[list]
    local offset = s.skip
    if s.at_end then
        offset = 0
    elseif s.seen > 0 and s.taken == 0 then
        offset = s.skip + s.left
    end
    if offset ~= 0 or s.skip ~= 0 then
        offsets[#offsets + 1] = list
        offsets[#offsets + 1] = offset
    end
end
return {0, strays, offsets, messages, odd}
