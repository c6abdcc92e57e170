-- Moves a session that cannot be read out of the way. KEYS: session, index, quarantine. ARGV: id, head.
if redis.call('HGET', KEYS[1], 'h') ~= ARGV[2] then return {'changed'} end
redis.call('RENAME', KEYS[1], KEYS[3])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PERSIST', KEYS[3])
return {'ok'}
