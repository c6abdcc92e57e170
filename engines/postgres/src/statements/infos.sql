-- $1 store, $2 ids, $3 owner. A join: of an owner with many sessions, a condition on the ids would look at all of them.
SELECT s.id, {head}
FROM unnest($2::text[]) AS wanted (id)
JOIN {schema}.sessions s ON s.store = $1 AND s.id = wanted.id COLLATE "C"
WHERE s.owner = $3
