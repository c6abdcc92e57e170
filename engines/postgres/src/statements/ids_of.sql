-- $1 store, $2 owner.
SELECT s.id FROM {schema}.sessions s WHERE s.store = $1 AND s.owner = $2 ORDER BY s.created, s.id
