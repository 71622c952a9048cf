-- Records what header tasks return to their chords, each once, and claims the chords that are
-- complete for whoever calls. Keys and claim as celery/backends/redis.py has them since 5.7; a worker
-- of an older Celery knows neither `.d` nor `.c` and counts `.j` alone, which works with both.
--
-- KEYS  for each part: .j (parts)  .t (extra parts)  .s (size)  .d (who has returned)  group record
--       .c (claim)
-- ARGV  1 "1" parts are ordered  2 seconds to keep all this, 0 for ever  3 seconds of a claim
--       4 token of the claim  then for each part: task id, score, document, size if .s is missing
--
-- Returns for each part false, or, if it completed its chord, {group record}, or {"", documents...}
-- where there is none.

local call = redis.call
local ordered, expires, claim_expires, token = ARGV[1] == '1', tonumber(ARGV[2]), ARGV[3], ARGV[4]
local outcomes = {}

-- A claim with our own token is one whose reply was lost: the caller sends one body at a time.
local function part_count(j)
    return ordered and call('ZCARD', j) or call('LLEN', j)
end

local function parts_of(j)
    return ordered and call('ZRANGE', j, 0, -1) or call('LRANGE', j, 0, -1)
end

for n = 1, #KEYS / 6 do
    local k, a = (n - 1) * 6, 4 + (n - 1) * 4
    local j, t, s, d, g, c = KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], KEYS[k + 4], KEYS[k + 5], KEYS[k + 6]
    local id, score, document, size = ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
    outcomes[n] = false
    -- A late repeat must not bring a finished chord back.
    if call('GET', c) ~= 'done' then
        if call('SADD', d, id .. ':' .. score) == 1 then
            if ordered then
                call('ZADD', j, score, document)
            else
                call('RPUSH', j, document)
            end
        end
        if expires > 0 then
            for _, key in ipairs({j, t, s, d, g}) do
                call('EXPIRE', key, expires)
            end
        end
        local wanted = tonumber(call('GET', s) or (size ~= '0' and size or nil))
        if wanted and part_count(j) == wanted + tonumber(call('GET', t) or 0)
            and (call('SET', c, token, 'NX', 'EX', claim_expires) or call('GET', c) == token) then
            local record = call('GET', g)
            local outcome = record and {} or parts_of(j)
            table.insert(outcome, 1, record or '')
            outcomes[n] = outcome
        end
    end
end
return outcomes
