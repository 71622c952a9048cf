-- What a worker holds: a hash of its own, delivery tag -> "second order list". `second` is the score
-- it last wrote to unacked_index: whole seconds of the server's clock, because Redis compares
-- integers much faster than fractions while a set is small. `order` grows with each delivery,
-- `list` is the number of the list it came from in the claim. A delivery is held while
-- unacked_index still has that second: whoever restores or takes it over removes or changes it.
-- The field with the empty name says what the hash is; being long, it also keeps Redis from storing
-- the hash as a list, in which every look-up would be a walk.

local function is_held(own, index_score)
    if not own or not index_score then
        return false
    end
    local length = #index_score
    return string.sub(own, 1, length) == index_score and string.byte(own, length + 1) == 32
end

-- What a reading command with many members says of each tag, false for none.
local function all_of(command, key, tags)
    local values = {}
    for first = 1, #tags, 4000 do
        local last = math.min(first + 3999, #tags)
        local some = redis.pcall(command, key, unpack(tags, first, last))
        if #tags <= 4000 and not some.err then
            return some
        end
        for i = first, last do
            if some.err then
                -- ZMSCORE came with Redis 6.2; before, each is asked for by itself.
                values[i] = redis.call('ZSCORE', key, tags[i])
            else
                values[i] = some[i - first + 1]
            end
        end
    end
    return values
end

