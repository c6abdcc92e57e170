-- The second step of a rename, and its only point of no return: the old id ends.
-- KEYS: old session, index, owners, fate. ARGV: now, id, version, write id, holder or ''.
local now, id, token = tonumber(ARGV[1]), ARGV[2], ARGV[5]
local fate = redis.call('GET', KEYS[4])
if fate then return {fate} end
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending then return {'pending', pending} end
if not may_write(lock, token) then return {token == '' and 'locked' or 'lost'} end
if not text then return {'gone'} end
local h = parse(text)
if not h then return {'corrupt'} end
if expired(h, now) then return {'expired'} end
if h.version ~= ARGV[3] or h.write ~= ARGV[4] then return {'changed'} end
remove(h, id, lock)
redis.call('SET', KEYS[4], 'moved')
return {'moved'}
