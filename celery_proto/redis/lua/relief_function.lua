-- A server short of memory refuses the commands that may need more of it, but only until a script
-- has written something. Who empties queues and gives messages back must be able to work just then,
-- and moves what is there already. So such scripts begin with a write that takes nothing: none of
-- our keys expires anyway.

local function work_without_memory(key)
    redis.call('PERSIST', key)
end

