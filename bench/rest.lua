-- The requests of bench/rest.py, in turn: wrk ... -s rest.lua URL -- FILE
-- FILE has a line for each: method, path, key and body, with tabs between. They are put together before the first one
-- is sent, so that the sending costs next to nothing. Prints what was counted in the end.
local requests, turn = {}, 0

function init(args)
   for line in io.lines(args[1]) do
      local method, path, key, body = line:match("^([^\t]*)\t([^\t]*)\t([^\t]*)\t(.*)$")
      local headers = {["X-API-KEY"] = key}
      if body ~= "" then headers["Content-Type"] = "application/json" end
      requests[#requests + 1] = wrk.format(method, path, headers, body ~= "" and body or nil)
   end
end

function request()
   turn = turn % #requests + 1
   return requests[turn]
end

function done(summary, latency)
   local failed = summary.errors
   io.write(string.format("figures %d %d %d %d %d\n", summary.requests, summary.duration, latency:percentile(50),
      latency:percentile(99), failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
