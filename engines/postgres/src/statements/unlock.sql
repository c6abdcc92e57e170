-- $1 store, $2 id, $3 holder.
WITH old AS (
  SELECT s.version IS NULL AND {other_holders} IS NULL AS empty
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2 AND $3::bytea = ANY (s.holders)
  FOR UPDATE
), dropped AS (
  DELETE FROM {schema}.sessions s USING old
  WHERE s.store = $1 AND s.id = $2 AND old.empty
)
UPDATE {schema}.sessions s SET holders = {other_holders}, ends = {other_ends}
FROM old
WHERE s.store = $1 AND s.id = $2 AND NOT old.empty
