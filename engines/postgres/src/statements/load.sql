-- $1 store, $2 id.
SELECT {head}, s.xmin::text, s.data
FROM {schema}.sessions s
WHERE s.store = $1 AND s.id = $2 AND s.version IS NOT NULL
