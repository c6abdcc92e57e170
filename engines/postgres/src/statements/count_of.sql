-- $1 store, $2 owner.
SELECT count(*) FROM {schema}.sessions s WHERE s.store = $1 AND s.owner = $2
