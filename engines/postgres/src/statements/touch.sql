-- $1 store, $2 id, $3 now.
UPDATE {schema}.sessions s SET active = $3
WHERE s.store = $1 AND s.id = $2 AND s.version IS NOT NULL AND NOT {expired}
RETURNING true
