-- Looks at some rows, and removes expired sessions, those unused for an age, and locks whose leases have ended.
-- $1 store, $2 the id before, $3 now, $4 how many, $5 age.
WITH batch AS (
  SELECT s.id, s.version IS NOT NULL AS there
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id > $2
  ORDER BY s.id
  LIMIT $4
), removed AS (
  DELETE FROM {schema}.sessions s USING batch
  WHERE s.store = $1 AND s.id = batch.id AND NOT {live} AND (s.version IS NULL OR {expired}
      OR $5::numeric = 0 AND {active} IS NOT NULL OR $3 - {active} >= $5)
  RETURNING s.id, CASE WHEN s.version IS NULL THEN 'lock' WHEN {expired} THEN 'expired' ELSE 'old' END AS word
)
SELECT batch.id, coalesce(removed.word, CASE WHEN batch.there THEN 'kept' ELSE 'held' END)
FROM batch LEFT JOIN removed ON removed.id = batch.id
ORDER BY batch.id
