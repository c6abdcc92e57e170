-- KEYS: session. ARGV: token.
local mode, live = holders(redis.call('HGET', KEYS[1], 'l'))
local rest = {}
for _, holder in ipairs(live or {}) do
  if holder.token ~= ARGV[1] then rest[#rest + 1] = holder end
end
if #rest == 0 then
  redis.call('HDEL', KEYS[1], 'l')
else
  redis.call('HSET', KEYS[1], 'l', text_of_lock(mode, rest))
end
return {'ok'}
