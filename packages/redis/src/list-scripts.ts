/**
 * What the fleet has under a list, in one step: the entry where it is of the list's present generation, else the lease
 * where nobody has it. A generation that is not there begins at random, so that none from before a FLUSHALL is valid.
 *
 * KEYS: own entry, public entry, generation, lease.
 * ARGV: "generation", "read" or "lease"; a generation to begin with; its ttl; the lease's token; its ttl; the largest list.
 * Gives the generation, then "hit" with the list and the milliseconds it is still good for, "leased", "busy" with the token
 * of the holder, "refused" or "none".
 */
export const readOrLease = `
local generation = redis.call('GET', KEYS[3])
if not generation then
  generation = ARGV[2]
  redis.call('SET', KEYS[3], generation, 'PX', ARGV[3])
end
if ARGV[1] == 'generation' then return {generation, 'none'} end
for index = 1, 2 do
  local found = redis.pcall('HGET', KEYS[index], 'generation')
  if type(found) == 'table' then return {generation, 'refused'} end
  local left = redis.call('PTTL', KEYS[index])
  if found == generation and left > 0 then
    if redis.call('HSTRLEN', KEYS[index], 'list') > tonumber(ARGV[6]) then return {generation, 'refused'} end
    return {generation, 'hit', redis.call('HGET', KEYS[index], 'list'), left}
  end
end
if ARGV[1] == 'read' then return {generation, 'none'} end
if redis.call('SET', KEYS[4], ARGV[4], 'NX', 'PX', ARGV[5]) then return {generation, 'leased'} end
return {generation, 'busy', redis.call('GET', KEYS[4])}
`;

/**
 * Stores a list unless the list has changed since its fetch began, and gives the lease back in any case.
 *
 * KEYS: entry, generation, lease. ARGV: the generation at the beginning, the list or "" for none, its ttl, the lease's token.
 * Gives the present generation.
 */
export const storeIfSame = `
if redis.call('GET', KEYS[3]) == ARGV[4] then redis.call('DEL', KEYS[3]) end
local generation = redis.call('GET', KEYS[2])
if ARGV[2] ~= '' and generation == ARGV[1] then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'generation', generation, 'list', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return generation
`;

/**
 * Prolongs a lease for the one that has it.
 *
 * KEYS: lease. ARGV: the lease's token; its ttl.
 */
export const keepLease = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 0
`;
