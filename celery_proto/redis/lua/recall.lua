-- Reads deliveries that this worker holds.
--
-- KEYS  1 unacked  2 unacked_index  3 own hash
-- ARGV  delivery tags
--
-- Returns for each tag its entry in unacked, or false when the delivery is no longer ours.

local entries = redis.call('HMGET', KEYS[1], unpack(ARGV))
local in_own, in_index = all_of('HMGET', KEYS[3], ARGV), all_of('ZMSCORE', KEYS[2], ARGV)
for i = 1, #ARGV do
    if not is_held(in_own[i], in_index[i]) then
        entries[i] = false
    end
end
return entries
