-- $1 store, $2 id, $3 now, $4 holder, $5 expected version, $6 write id, $7 idle timeout, $8 deadline, $9 owner,
-- $10 checksum, $11 data, $12 whether this is a repeated attempt.
WITH old AS (
  SELECT s.version, s.write, {may_write} AS may_write, {expired} AS expired
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2
  FOR UPDATE
), verdict AS (
  SELECT version, CASE
    WHEN version IS NOT NULL AND write = $6 THEN 'ok'
    WHEN NOT coalesce(may_write, $4 IS NULL) THEN 'locked'
    WHEN version IS NULL AND $12::boolean THEN 'unknown'
    WHEN version IS NULL THEN 'gone'
    WHEN expired THEN 'expired'
    WHEN $12 AND ($5::numeric IS NULL OR version NOT IN ($5, $5 + 1)) THEN 'unknown'
    WHEN version <> $5 THEN 'conflict'
    WHEN version = 18446744073709551614 THEN 'full'
    ELSE 'write'
  END AS word
  FROM (SELECT) one LEFT JOIN old ON true
), done AS (
  UPDATE {schema}.sessions s SET
    version = s.version + 1, modified = $3, active = $3, idle = $7::numeric, deadline = $8::numeric, owner = $9::bytea,
    write = $6::bigint, checksum = $10::bigint, data = $11::bytea
  FROM verdict
  WHERE s.store = $1 AND s.id = $2 AND verdict.word = 'write'
  RETURNING s.version
)
SELECT CASE WHEN done.version IS NOT NULL THEN 'ok' ELSE verdict.word END, coalesce(done.version, verdict.version)
FROM verdict LEFT JOIN done ON true
