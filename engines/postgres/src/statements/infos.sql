-- $1 store, $2 ids, $3 owner.
SELECT s.id, {head}
FROM {schema}.sessions s
WHERE s.store = $1 AND s.id = ANY ($2) AND s.owner = $3
