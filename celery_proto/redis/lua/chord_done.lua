-- Removes a chord whose body was sent, if the claim is still ours, and remembers that it is done.
--
-- KEYS  1 .j  2 .t  3 .s  4 .d  5 .c
-- ARGV  1 token of the claim  2 seconds to remember it
--
-- Returns 1 when it was ours.

if redis.call('GET', KEYS[5]) ~= ARGV[1] then
    return 0
end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
redis.call('SET', KEYS[5], 'done', 'EX', ARGV[2])
return 1
