-- Takes tokens from buckets.
--
-- KEYS  the buckets (string: "tokens milliseconds", what it held at that time of the server's clock;
--       missing: it is full)
-- ARGV  for each bucket: tokens that come back in 1000 seconds, most that it holds, tokens wanted
--
-- Returns for each bucket, one after the other: tokens granted, whole tokens left, milliseconds until
-- there is one, milliseconds until it is full.
--
-- A bucket that gives nothing is not written. A clock that was set back (another server's, after a
-- failover) gives no tokens until it has caught up with what it gives from now on, but takes none either.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answers = {}
for i = 1, #KEYS do
    local rate = tonumber(ARGV[3 * i - 2]) / 1000000
    local burst, wanted = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local tokens = burst
    local held, since = string.match(redis.call('GET', KEYS[i]) or '', '^([%d.]+) (%d+)$')
    local at = tonumber(since or now)
    if held then
        tokens = math.min(burst, tonumber(held) + math.max(0, now - at) * rate)
    end
    -- What a float lacks of a whole token does not count.
    local granted = math.min(wanted, math.floor(tokens + 0.000001))
    tokens = math.max(0, tokens - granted)
    local full = math.ceil((burst - tokens) / rate)
    if granted > 0 or now < at then
        redis.call('SET', KEYS[i], string.format('%.6f %.0f', tokens, now), 'PX', string.format('%.0f', full + 1000))
    end
    answers[#answers + 1] = granted
    answers[#answers + 1] = math.floor(tokens + 0.000001)
    answers[#answers + 1] = tokens + 0.000001 >= 1 and 0 or math.ceil((1 - tokens) / rate)
    answers[#answers + 1] = full
end
return answers
