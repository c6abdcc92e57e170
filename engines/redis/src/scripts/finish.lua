-- The third step of a rename: the new id is visible to those who do not know of the rename.
-- KEYS: new session. ARGV: rename.
if redis.call('HGET', KEYS[1], 'p') == ARGV[1] then redis.call('HDEL', KEYS[1], 'p') end
return {'ok'}
