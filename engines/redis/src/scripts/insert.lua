-- KEYS: session, index, owners. ARGV: now, id, head, data, whether this is a repeated attempt.
local now, id, text, data = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local new = parse(text)
local old, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending then return {'pending', pending} end
local h = old and parse(old)
if h and h.write == new.write then return {'ok'} end
if not may_write(lock, '') then return {'locked'} end
local was_expired = 'no'
if old then
  if not h then return {'corrupt'} end
  if not expired(h, now) then return {ARGV[5] == 'again' and 'unknown' or 'taken'} end
  remove(h, id, lock)
  was_expired = 'expired'
end
redis.call('HSET', KEYS[1], 'h', text, 'd', data)
keep(KEYS[1], new, now)
add_to_indexes(new, id)
return {'ok', was_expired}
