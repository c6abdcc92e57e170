-- Removes the record of an aborted rename. KEYS: new session, index, owners. ARGV: id, rename.
local text, pending, lock = unpack(redis.call('HMGET', KEYS[1], 'h', 'p', 'l'))
if pending ~= ARGV[2] then return {'ok'} end
local h = parse(text)
if not h then return {'corrupt'} end
remove(h, ARGV[1], lock)
return {'ok'}
