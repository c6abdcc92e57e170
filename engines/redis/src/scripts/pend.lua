-- The first step of a rename: the record under its new id, which nobody sees yet.
-- KEYS: new session, index, owners. ARGV: now, new id, head, data, rename (`old id, space, token`), holder or '', lease.
local now, id = tonumber(ARGV[1]), ARGV[2]
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending == ARGV[5] then return {'ok'} end
if pending then return {'pending', pending} end
if not may_write(lock, '') then return {'locked'} end
if text then
  local h = parse(text)
  if not h then return {'corrupt'} end
  if not expired(h, now) then return {'taken'} end
  remove(h, id, lock)
end
local new = parse(ARGV[3])
redis.call('HSET', KEYS[1], 'h', ARGV[3], 'd', ARGV[4], 'p', ARGV[5])
if ARGV[6] ~= '' then
  redis.call('HSET', KEYS[1], 'l', text_of_lock('x', {{ends = clock() + tonumber(ARGV[7]), token = ARGV[6]}}))
end
keep(KEYS[1], new, now)
add_to_indexes(new, id)
return {'ok'}
