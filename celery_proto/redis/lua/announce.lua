-- Announces stored records once more, each to those who have subscribed to it since.
--
-- KEYS  one for each record
--
-- Returns how many are still there.

local there = 0
for i = 1, #KEYS do
    local document = redis.pcall('GET', KEYS[i])
    if type(document) == 'string' then
        redis.pcall('PUBLISH', KEYS[i], document)
        there = there + 1
    end
end
return there
