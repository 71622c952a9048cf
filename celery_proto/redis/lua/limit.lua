-- Takes tokens from buckets.
--
-- KEYS  the buckets (string: "tokens milliseconds", what it held at that time of the server's clock,
--       negative: what is owed; missing: it is full); one may come several times
-- ARGV  for each bucket: tokens that come back in 1000 seconds, most that it holds, tokens wanted, and
--       how many of them may be lacking when they are taken all or not at all; -1: as many as there are
--
-- Returns for each bucket, one after the other: tokens granted, whole tokens left, milliseconds until
-- there is one (or, of those refused as a whole, until they would be granted), milliseconds until it is
-- full.
--
-- A bucket that gives nothing is not written. A clock that was set back (another server's, after a
-- failover) gives no tokens until it has caught up with what it gives from now on, but takes none either.

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local answers = {}
for i = 1, #KEYS do
    local rate, burst = tonumber(ARGV[4 * i - 3]) / 1000000, tonumber(ARGV[4 * i - 2])
    local wanted, debt = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
    local tokens = burst
    local held, since = string.match(redis.call('GET', KEYS[i]) or '', '^(-?[%d.]+) (%d+)$')
    local at = tonumber(since or now)
    if held then
        tokens = math.min(burst, tonumber(held) + math.max(0, now - at) * rate)
    end
    -- What a float lacks of a whole token does not count.
    local whole = math.floor(tokens + 0.000001)
    local granted, needed = math.min(wanted, math.max(0, whole)), 1
    if debt >= 0 then
        granted = whole >= wanted - debt and wanted or 0
        needed = granted < wanted and wanted - debt or 1
    end
    tokens = tokens - granted
    local full = math.ceil((burst - tokens) / rate)
    if granted > 0 or now < at then
        redis.call('SET', KEYS[i], string.format('%.6f %.0f', tokens, now), 'PX', string.format('%.0f', full + 1000))
    end
    answers[#answers + 1] = granted
    answers[#answers + 1] = math.max(0, math.floor(tokens + 0.000001))
    answers[#answers + 1] = tokens + 0.000001 >= needed and 0 or math.ceil((needed - tokens) / rate)
    answers[#answers + 1] = full
end
return answers
