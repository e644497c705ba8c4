-- The load that wrk sends. The plan is a Lua file, written by workload.py, which returns a table:
--
--   { kind = "replay",  requests = { ... } }                     whole requests, sent in turn again and again
--   { kind = "refresh", head, tail, tokens = { ... } }           each answer's refresh token feeds a later request
--   { kind = "code",    head, tail, authorize = { ... } }        authorization request, then its code at the token endpoint
--
-- `head` ends with "Content-Length: "; `tail` is the end of the form. wrk runs one thread, which is one Lua state.
--   wrk -t1 ... -s load.lua URL -- PLAN

local plan
local turn = 0
local waiting, first, last = {}, 1, 0

-- Read by `done` in wrk's main state.
flows = 0
unexpected = 0

local function put(value)
  last = last + 1
  waiting[last] = value
end

local function take()
  if first > last then return nil end
  local value = waiting[first]
  waiting[first] = nil
  first = first + 1
  return value
end

local function next_of(list)
  turn = turn % #list + 1
  return list[turn]
end

local function post(form)
  return plan.head .. #form .. "\r\n\r\n" .. form
end

local requests = {
  replay = function() return next_of(plan.requests) end,
  refresh = function()
    -- A lost chain sends a token that nobody issued, so that the answer counts as an error.
    return post("grant_type=refresh_token&refresh_token=" .. (take() or "none-left") .. plan.tail)
  end,
  code = function()
    local code = take()
    if code then return post("grant_type=authorization_code&code=" .. code .. plan.tail) end
    return next_of(plan.authorize)
  end,
}

-- wrk itself counts statuses from 400 on; `unexpected` are the wrong answers below.
local responses = {
  refresh = function(status, _, body)
    local token = body:match('"refresh_token" *: *"([^"]+)"')
    if status == 200 and token then
      flows = flows + 1
      put(token)
    elseif status < 400 then
      unexpected = unexpected + 1
    end
  end,
  code = function(status, headers, body)
    if status == 302 or status == 303 then
      local location = headers["location"] or headers["Location"] or ""
      local code = location:match("[?&]code=([^&]+)")
      if code then put(code) else unexpected = unexpected + 1 end
    elseif status == 200 and body:find('"access_token"', 1, true) then
      flows = flows + 1
    elseif status < 400 then
      unexpected = unexpected + 1
    end
  end,
}

local load_thread

function setup(thread)
  load_thread = thread
end

function init(arguments)
  plan = dofile(arguments[1])
  for _, token in ipairs(plan.tokens or {}) do put(token) end
  request = requests[plan.kind]
  -- Left undefined for `replay`: wrk then skips the parsing of headers and bodies.
  response = responses[plan.kind]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    "RESULT %d %d %d %d %.1f %.1f\n",
    summary.requests, load_thread:get("flows"), failed + load_thread:get("unexpected"),
    summary.duration, latency:percentile(50), latency:percentile(99)
  ))
end
