-- KEYS: session. ARGV: now.
local now = tonumber(ARGV[1])
local text, pending = unpack(redis.call('HMGET', KEYS[1], 'h', 'p'))
if pending then return {'pending', pending} end
if not text then return {'gone'} end
local h = parse(text)
if not h then return {'corrupt'} end
if expired(h, now) then return {'expired'} end
h.active = ARGV[1]
redis.call('HSET', KEYS[1], 'h', text_of(h))
keep(KEYS[1], h, now)
return {'ok'}
