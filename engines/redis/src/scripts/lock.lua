-- KEYS: session. ARGV: mode, token, lease.
local mode, token, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lock, text = unpack(redis.call('HMGET', KEYS[1], 'l', 'h'))
local held, live = holders(lock)
live = live or {}
for _, holder in ipairs(live) do
  if holder.token == token then return {'ok'} end
end
if held and not (held == 's' and mode == 's') then return {'locked'} end
live[#live + 1] = {ends = clock() + lease, token = token}
redis.call('HSET', KEYS[1], 'l', text_of_lock(mode, live))
if not text and redis.call('PTTL', KEYS[1]) < lease then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return {'ok'}
