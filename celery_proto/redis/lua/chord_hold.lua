-- Makes the claim on a complete chord last again, also one that has run out, as long as nobody else has
-- taken it and the chord still waits for its body.
--
-- KEYS  1 .c  2 .s  3 .j
-- ARGV  1 token of the claim  2 seconds of a claim  3 size if .s is missing, "0": unknown
--
-- Returns 1 when the claim is ours.

local call = redis.call
local claim = call('GET', KEYS[1])
if claim == ARGV[1] then
    return call('EXPIRE', KEYS[1], ARGV[2])
end
local waits = call('EXISTS', KEYS[2]) == 1 or (ARGV[3] ~= '0' and call('EXISTS', KEYS[3]) == 1)
if claim or not waits then
    return 0
end
call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
