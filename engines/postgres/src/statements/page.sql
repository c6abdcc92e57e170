-- $1 store, $2 the id before, $3 how many.
SELECT s.id, {head}
FROM {schema}.sessions s
WHERE s.store = $1 AND s.id > $2 AND s.version IS NOT NULL
ORDER BY s.id
LIMIT $3
