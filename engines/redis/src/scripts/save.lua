-- KEYS: session; when the owner changes also index and owners. ARGV: now, id, expected version or '', token or '',
-- write id, idle timeout, deadline, checksum, size, owner with a space before it or '', data, whether this is a repeated
-- attempt.
local now, id, expected, token, again = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[12] == 'again'
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending then return {'pending', pending} end
local h = text and parse(text)
if h and h.write == ARGV[5] then return {'ok', h.version} end
-- The first attempt may have been executed, and its save replaced or deleted since.
if again and not (h and (h.version == expected or expected ~= '' and h.version == successor(expected))) then
  return {'unknown'}
end
if not may_write(lock, token) then return {token == '' and 'locked' or 'lost'} end
if not text then return {'gone'} end
if not h then return {'corrupt'} end
if expired(h, now) then return {'expired'} end
local next_version = successor(h.version)
if expected ~= '' and h.version ~= expected then return {'conflict', h.version} end
if next_version == '18446744073709551615' then return {'full'} end
if h.rest ~= ARGV[10] and #KEYS == 1 then return {'reindex'} end
if h.rest ~= ARGV[10] and h.owner ~= '' then redis.call('ZREM', KEYS[3], owner_entry(h, id)) end
local reindex = h.rest ~= ARGV[10]
h.version, h.modified, h.active, h.idle, h.deadline = next_version, ARGV[1], ARGV[1], ARGV[6], ARGV[7]
h.write, h.sum, h.size, h.rest, h.owner = ARGV[5], ARGV[8], ARGV[9], ARGV[10], string.sub(ARGV[10], 2)
redis.call('HSET', KEYS[1], 'h', text_of(h), 'd', ARGV[11])
keep(KEYS[1], h, now)
if reindex then add_to_indexes(h, id) end
return {'ok', next_version}
