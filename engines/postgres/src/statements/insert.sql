-- $1 store, $2 id, $3 now, $4 version, $5 created, $6 modified, $7 active, $8 idle timeout, $9 deadline, $10 owner,
-- $11 write id, $12 checksum, $13 data, $14 whether this is a repeated attempt.
WITH old AS (
  SELECT s.version IS NOT NULL AS there, s.write, {live} AS live, {expired} AS expired
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2
  FOR UPDATE
), done AS (
  INSERT INTO {schema}.sessions AS s
    (store, id, version, created, modified, active, idle, deadline, owner, write, checksum, data)
  SELECT $1, $2, $4::numeric, $5::numeric, $6::numeric, $7::numeric, $8::numeric, $9::numeric, $10::bytea, $11::bigint,
    $12::bigint, $13::bytea
  WHERE NOT EXISTS (SELECT FROM old WHERE live OR there AND NOT expired)
  ON CONFLICT (store, id) DO UPDATE SET
    version = excluded.version, created = excluded.created, modified = excluded.modified, active = excluded.active,
    idle = excluded.idle, deadline = excluded.deadline, owner = excluded.owner, write = excluded.write,
    checksum = excluded.checksum, data = excluded.data, shared = NULL, holders = NULL, ends = NULL
  WHERE NOT {live} AND (s.version IS NULL OR {expired})
  RETURNING true AS done
)
SELECT CASE
  WHEN done.done AND old.there THEN 'replaced'
  WHEN done.done THEN 'ok'
  WHEN old.there AND old.write = $11 THEN 'ok'
  WHEN old.live THEN 'locked'
  WHEN old.there AND NOT old.expired AND $14::boolean THEN 'unknown'
  WHEN old.there AND NOT old.expired THEN 'taken'
  -- Another session came after this statement began to read.
  ELSE 'again'
END
FROM (SELECT) one LEFT JOIN old ON true LEFT JOIN done ON true
