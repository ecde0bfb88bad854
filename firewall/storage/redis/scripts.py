"""What Redis does in one step. Times are its own clock's: no two machines' clocks are compared.

Keys: `{prefix}:circuit:MARK` a hash, `{prefix}:circuits` an index by when an entry ends, `{prefix}:probe:MARK` the
right to probe. The braces keep all of them together where keys are spread over several servers.
"""

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

LOOK = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local found = {}
for _, mark in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local key = KEYS[2] .. mark
  if #mark == 32 and redis.call('TYPE', key).ok == 'hash' then
    local row, is_short = {mark}, true
    for _, name in ipairs({'epoch', 'until', 'trips', 'closed', 'provider', 'model', 'key'}) do
      is_short = is_short and redis.call('HSTRLEN', key, name) <= 512
      row[#row + 1] = is_short and redis.call('HGET', key, name) or ''
    end
    if is_short then found[#found + 1] = row end
  end
end
return {tostring(now), found}
"""
)
"""KEYS: index, beginning of the circuits' keys. ARGV: how many at most."""

OPEN = (
    _NOW
    + """
local till, trips = now + tonumber(ARGV[3]), tonumber(ARGV[2])
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' then redis.call('DEL', KEYS[2]) end
if redis.call('HGET', KEYS[2], 'closed') == '0' then
  local known = tonumber(redis.call('HGET', KEYS[2], 'until')) or 0
  if known > till and known <= now + tonumber(ARGV[4]) then till = known end
  trips = math.max(trips, math.min(tonumber(redis.call('HGET', KEYS[2], 'trips')) or 1, 32))
end
redis.call('HSET', KEYS[2], 'epoch', ARGV[1], 'until', string.format('%.0f', till), 'trips', trips, 'closed', '0',
  'provider', ARGV[6], 'model', ARGV[7], 'key', ARGV[8])
local ends = till + tonumber(ARGV[5])
redis.call('PEXPIRE', KEYS[2], ends - now)
redis.call('ZADD', KEYS[1], ends, ARGV[9])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -4097)
local left = redis.call('PTTL', KEYS[1])
if left < ends - now then redis.call('PEXPIRE', KEYS[1], ends - now) end
return 1
"""
)
"""KEYS: index, the circuit. ARGV: epoch, trips, wait_ms, longest wait that is believed, how long it is told after
that, provider, model, key, mark."""

CLOSE = (
    _NOW
    + """
if redis.call('TYPE', KEYS[2]).ok ~= 'hash' or redis.call('HGET', KEYS[2], 'epoch') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[2], 'closed', '1')
redis.call('PEXPIRE', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
return 1
"""
)
"""KEYS: index, the circuit. ARGV: epoch, how long that is told, mark."""

KEEP = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('PEXPIRE', KEYS[1], ARGV[2]) or 0"
RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"
"""KEYS: the right. ARGV: owner, and for how long."""
