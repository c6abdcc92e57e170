-- Removes a session that has expired. $1 store, $2 id, $3 now, $4 holder.
WITH old AS (
  SELECT {live} AS live, CASE
    WHEN s.version IS NULL THEN 'gone'
    WHEN NOT {may_write} THEN 'locked'
    WHEN {expired} THEN 'expired'
    ELSE 'alive'
  END AS word
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2
  FOR UPDATE
), dropped AS (
  DELETE FROM {schema}.sessions s USING old
  WHERE s.store = $1 AND s.id = $2 AND old.word = 'expired' AND NOT old.live
), emptied AS (
  UPDATE {schema}.sessions s SET {nothing} FROM old
  WHERE s.store = $1 AND s.id = $2 AND old.word = 'expired' AND old.live
)
SELECT word FROM old
