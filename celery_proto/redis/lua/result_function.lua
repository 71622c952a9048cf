-- store_result(key, seconds, document): GET first, nothing is written over SUCCESS, then SET and
-- PUBLISH of the same bytes. Returns 1 stored, 2 stored and nobody has subscribed, 0 kept, or Redis'
-- error text: a result key that cannot be written must not stop anything else.

local function is_success(record)
    local status = string.match(record, '^{"status": ?"([^"\\]*)"')
    if status then
        return status == 'SUCCESS'
    end
    local ok, value = pcall(cjson.decode, record)
    return ok and type(value) == 'table' and value.status == 'SUCCESS'
end

local function store_result(key, seconds, document)
    local old = redis.pcall('GET', key)
    if type(old) == 'table' and old.err then
        return old.err
    end
    if old and is_success(old) then
        return 0
    end
    local reply
    if seconds > 0 then
        reply = redis.pcall('SETEX', key, seconds, document)
    else
        reply = redis.pcall('SET', key, document)
    end
    if type(reply) == 'table' and reply.err then
        return reply.err
    end
    return redis.pcall('PUBLISH', key, document) == 0 and 2 or 1
end
