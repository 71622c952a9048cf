-- Pushes messages, each at most once.
--
-- KEYS  for each message: its key of remembrance, its list
-- ARGV  for each message: seconds to remember, the message
--
-- Returns 1 for each message pushed, 0 for each that was pushed before.

local outcomes = {}
for i = 1, #KEYS, 2 do
    local is_new = redis.call('EXISTS', KEYS[i]) == 0
    if is_new then
        redis.call('LPUSH', KEYS[i + 1], ARGV[i + 1])
        redis.call('SETEX', KEYS[i], ARGV[i], '')
    end
    outcomes[#outcomes + 1] = is_new and 1 or 0
end
return outcomes
