-- Stores result records.
--
-- KEYS  one for each record
-- ARGV  1 seconds to keep them, 0 for ever  2.. the documents
--
-- Returns, for each record, what store_result() says.

local outcomes = {}
for i = 1, #KEYS do
    outcomes[i] = store_result(KEYS[i], tonumber(ARGV[1]), ARGV[1 + i])
end
return outcomes
