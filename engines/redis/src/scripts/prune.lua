-- Removes an entry of the owners' index whose session is not there, or has another owner. KEYS: session, index, owners.
-- ARGV: id, entry.
local text = redis.call('HGET', KEYS[1], 'h')
local h = text and parse(text)
if h and owner_entry(h, ARGV[1]) == ARGV[2] then return {'alive'} end
if text and not h then return {'corrupt'} end
return {redis.call('ZREM', KEYS[3], ARGV[2]) == 1 and 'ok' or 'gone'}
