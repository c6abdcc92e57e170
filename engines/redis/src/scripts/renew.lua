-- KEYS: session. ARGV: token, lease.
local lease = tonumber(ARGV[2])
local lock, text = unpack(redis.call('HMGET', KEYS[1], 'l', 'h'))
local mode, live = holders(lock)
for _, holder in ipairs(live or {}) do
  if holder.token == ARGV[1] then
    holder.ends = clock() + lease
    redis.call('HSET', KEYS[1], 'l', text_of_lock(mode, live))
    if not text and redis.call('PTTL', KEYS[1]) < lease then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
    return {'ok'}
  end
end
return {'lost'}
