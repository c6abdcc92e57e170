-- $1 store, $2 id, $3 now, $4 holder, $5 new id, $6 write id, $7 the holder's lease in milliseconds, $8 whether this is a
-- repeated attempt.
WITH old AS (
  SELECT s.*, {may_write} AS may_write, {live} AS live, {expired} AS expired
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2
  FOR UPDATE
), target AS (
  SELECT s.version IS NOT NULL AS there, s.write, {live} AS live, {expired} AS expired
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $5
  FOR UPDATE
), verdict AS (
  SELECT old.live, target.there AS replaces, CASE
    WHEN target.there AND target.write = $6 THEN 'ok'
    WHEN NOT coalesce(old.may_write, $4::bytea IS NULL) OR target.live THEN 'locked'
    WHEN old.version IS NULL AND $8::boolean THEN 'unknown'
    WHEN old.version IS NULL THEN 'gone'
    WHEN old.expired THEN 'expired'
    WHEN target.there AND NOT target.expired THEN 'taken'
    ELSE 'move'
  END AS word
  FROM (SELECT) one LEFT JOIN old ON true LEFT JOIN target ON true
), moved AS (
  INSERT INTO {schema}.sessions AS s
    (store, id, version, created, modified, active, idle, deadline, owner, write, checksum, data, shared, holders, ends)
  SELECT $1, $5, old.version, old.created, old.modified, $3, old.idle, old.deadline, old.owner, $6::bigint, old.checksum,
    old.data, CASE WHEN $4 IS NOT NULL THEN false END, CASE WHEN $4 IS NOT NULL THEN ARRAY[$4] END,
    CASE WHEN $4 IS NOT NULL THEN ARRAY[now() + $7::bigint * interval '1 millisecond'] END
  FROM old, verdict
  WHERE verdict.word = 'move'
  ON CONFLICT (store, id) DO UPDATE SET
    version = excluded.version, created = excluded.created, modified = excluded.modified, active = excluded.active,
    idle = excluded.idle, deadline = excluded.deadline, owner = excluded.owner, write = excluded.write,
    checksum = excluded.checksum, data = excluded.data, shared = excluded.shared, holders = excluded.holders,
    ends = excluded.ends
  WHERE NOT {live} AND (s.version IS NULL OR {expired})
  RETURNING true AS done
), dropped AS (
  DELETE FROM {schema}.sessions s USING moved, verdict
  WHERE s.store = $1 AND s.id = $2 AND NOT verdict.live
), emptied AS (
  UPDATE {schema}.sessions s SET {nothing} FROM moved, verdict
  WHERE s.store = $1 AND s.id = $2 AND verdict.live
)
SELECT CASE
  WHEN moved.done AND verdict.replaces THEN 'replaced'
  WHEN moved.done THEN 'ok'
  -- Another session came after this statement began to read.
  WHEN verdict.word = 'move' THEN 'again'
  ELSE verdict.word
END
FROM verdict LEFT JOIN moved ON true
