-- Ends a rename that has not reached its point of no return. KEYS: fate. ARGV: how long to remember it.
redis.call('SET', KEYS[1], 'aborted', 'NX', 'PX', ARGV[1])
return {redis.call('GET', KEYS[1])}
