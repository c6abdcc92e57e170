-- $1 store, $2 id, $3 now, $4 holder, $5 owner, if it must have this one, $6 whether this is a repeated attempt.
WITH old AS (
  SELECT {live} AS live, CASE
    WHEN NOT {may_write} THEN 'locked'
    WHEN s.version IS NULL THEN 'gone'
    WHEN {expired} THEN 'expired'
    WHEN $5::bytea IS NOT NULL AND s.owner IS DISTINCT FROM $5 THEN 'other'
    ELSE 'ok'
  END AS word
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2
  FOR UPDATE
), dropped AS (
  DELETE FROM {schema}.sessions s USING old
  WHERE s.store = $1 AND s.id = $2 AND old.word IN ('ok', 'expired') AND NOT old.live
), emptied AS (
  UPDATE {schema}.sessions s SET {nothing} FROM old
  WHERE s.store = $1 AND s.id = $2 AND old.word IN ('ok', 'expired') AND old.live
)
SELECT CASE
  WHEN coalesce(word, 'gone') <> 'gone' THEN word
  WHEN word IS NULL AND $4 IS NOT NULL THEN 'locked'
  WHEN $6::boolean THEN 'repeated'
  ELSE 'gone'
END
FROM (SELECT) one LEFT JOIN old ON true
