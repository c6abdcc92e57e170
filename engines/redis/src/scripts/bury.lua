-- Removes a session that has expired or, with an age, has not been used for that long; and index entries of a session
-- that the server has dropped. KEYS: session, index, owners. ARGV: now, id, age or '', token or ''.
local now, id = tonumber(ARGV[1]), ARGV[2]
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending then return {'pending', pending} end
if not text then
  redis.call('ZREM', KEYS[2], id)
  return {'gone'}
end
local h = parse(text)
if not h then return {'corrupt'} end
if not may_write(lock, ARGV[4]) then return {'locked'} end
local active = last_active(h, now)
local is_over = expired(h, now)
if not is_over and not (ARGV[3] ~= '' and active and now - active >= tonumber(ARGV[3])) then return {'alive'} end
remove(h, id, lock)
return {is_over and 'expired' or 'ok'}
