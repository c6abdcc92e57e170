-- KEYS: session, index, owners. ARGV: now, id, token or '', owner with a space before it or '' for any,
-- whether this is a repeated attempt.
local now, id, token, owner = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending then return {'pending', pending} end
if not may_write(lock, token) then return {token == '' and 'locked' or 'lost'} end
if not text then return {ARGV[5] == 'again' and 'ok' or 'gone'} end
local h = parse(text)
if not h then return {'corrupt'} end
local was_expired = expired(h, now)
if owner ~= '' and h.rest ~= owner and not was_expired then return {'other'} end
remove(h, id, lock)
return {was_expired and 'expired' or 'ok'}
