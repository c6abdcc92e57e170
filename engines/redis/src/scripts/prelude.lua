-- Shared by all scripts. Every key that a script touches is in KEYS, and all are in one slot.

-- A head is one line of text: version, created, modified, active, idle timeout, deadline, write id, checksum and size of
-- the data; then, if the session has an owner, a space and the owner. Numbers are decimal and may exceed the integers of
-- a double: they are incremented as text, and compared as doubles, which is exact for any time before the year 287396.
local function parse(text)
  local h = {}
  h.version, h.created, h.modified, h.active, h.idle, h.deadline, h.write, h.sum, h.size, h.rest =
    string.match(text, '^(%d+) (%d+) (%d+) (%d+) ([%d-]+) ([%d-]+) (%x+) (%x+) (%d+)(.*)$')
  if not h.version or (h.rest ~= '' and (string.sub(h.rest, 1, 1) ~= ' ' or #h.rest == 1)) then return nil end
  h.owner = string.sub(h.rest, 2)
  return h
end

local function text_of(h)
  return table.concat({h.version, h.created, h.modified, h.active, h.idle, h.deadline, h.write, h.sum, h.size}, ' ')
    .. h.rest
end

local function successor(number)
  local digits, at = number, #number
  while at > 0 do
    local digit = string.byte(digits, at) - 48
    if digit < 9 then
      return string.sub(digits, 1, at - 1) .. string.char(digit + 49) .. string.rep('0', #number - at)
    end
    at = at - 1
  end
  return '1' .. string.rep('0', #number)
end

-- When a session was last active: core/src/expiry.rs, line by line. Nil if all its stamps lie in the future.
local TOLERANCE = 60000

local function last_active(h, now)
  local latest
  for _, text in ipairs({h.active, h.modified, h.created}) do
    local stamp = tonumber(text)
    if stamp <= now + TOLERANCE and (not latest or stamp > latest) then latest = stamp end
  end
  return latest and math.min(latest, now)
end

local function expired(h, now)
  if h.deadline ~= '-' and now >= tonumber(h.deadline) then return true end
  if h.idle == '-' then return false end
  local active = last_active(h, now)
  return not active or now - active >= tonumber(h.idle)
end

-- The server's clock, for leases.
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- A lock is `x` or `s`, then for each holder a space, the end of its lease, a space and its token. Returns the mode and
-- the holders whose lease has not ended, or nil if there are none.
local function holders(lock)
  if not lock then return nil end
  local now, live = clock(), {}
  for ends, token in string.gmatch(string.sub(lock, 2), ' (%d+) (%x+)') do
    if tonumber(ends) > now then live[#live + 1] = {ends = tonumber(ends), token = token} end
  end
  if #live == 0 then return nil end
  return string.sub(lock, 1, 1), live
end

local function text_of_lock(mode, live)
  local parts = {mode}
  for _, holder in ipairs(live) do
    parts[#parts + 1] = string.format('%.0f', holder.ends)
    parts[#parts + 1] = holder.token
  end
  return table.concat(parts, ' ')
end

-- Whether a write is allowed: for the exclusive holder while it is that, for others while there is none.
local function may_write(lock, token)
  local mode, live = holders(lock)
  if token == '' then return mode == nil end
  return mode == 'x' and live[1].token == token
end

-- How long the server keeps a session at least. Its own expiry is the last resort against garbage, so it comes an hour
-- late. It is relative, because `now` is the client's clock.
local function keep(key, h, now)
  local left
  if h.idle ~= '-' then left = tonumber(h.idle) end
  if h.deadline ~= '-' then
    local rest = tonumber(h.deadline) - now
    left = left and math.min(left, rest) or rest
  end
  if left then
    redis.call('PEXPIRE', key, string.format('%.0f', math.min(math.max(left, 0) + 3600000, 4e12)))
  else
    redis.call('PERSIST', key)
  end
end

-- KEYS of scripts that add or remove sessions: the session, the shard's index, the shard's owners.

local function owner_entry(h, id)
  local created = string.rep('0', 20 - #h.created) .. h.created
  return string.format('%03d', #h.owner) .. h.owner .. created .. id
end

local function add_to_indexes(h, id)
  redis.call('ZADD', KEYS[2], 0, id)
  if h.owner ~= '' then redis.call('ZADD', KEYS[3], 0, owner_entry(h, id)) end
end

-- Removes a session; its lock, if held, stays.
local function remove(h, id, lock)
  local mode, live = holders(lock)
  if mode then
    redis.call('HDEL', KEYS[1], 'h', 'd', 'p')
    local last = 0
    for _, holder in ipairs(live) do last = math.max(last, holder.ends) end
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', last))
  else
    redis.call('DEL', KEYS[1])
  end
  redis.call('ZREM', KEYS[2], id)
  if h.owner ~= '' then redis.call('ZREM', KEYS[3], owner_entry(h, id)) end
end
