-- Applies one batch of member states and moves the offsets, all or nothing.
-- KEYS: 1 offsets hash, 2 rejects hash, 3.. members.
-- ARGV: 1 number of moves, 2 number of rejects,
--       per move: field, expected offset, next offset; per reject: field, text;
--       per member: MessagePack array [version, 1 to replace whatever version is held, field, value, field, value, ...],
--       or empty to delete the member.
-- Returns the number of members that changed, or -1 (nothing done) where an offset is not the expected one.
local moves, rejects = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = 3
for i = 1, moves do
  local held = redis.call('HGET', KEYS[1], ARGV[at])
  if held ~= ARGV[at + 1] then return -1 end
  at = at + 3
end
at = 3
for i = 1, moves do
  redis.call('HSET', KEYS[1], ARGV[at], ARGV[at + 2])
  at = at + 3
end
for i = 1, rejects do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
local changed = 0
for i = 3, #KEYS do
  local packed = ARGV[at]
  at = at + 1
  if packed == '' then
    changed = changed + redis.call('DEL', KEYS[i])
  else
    local state = cmsgpack.unpack(packed)
    local held = tonumber(redis.call('HGET', KEYS[i], 'version') or '-1')
    if state[2] == 1 or state[1] > held then
      redis.call('DEL', KEYS[i])
      redis.call('HSET', KEYS[i], unpack(state, 3))
      changed = changed + 1
    end
  end
end
return changed
