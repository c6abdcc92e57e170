-- $1 location.
SELECT key, id, format FROM {schema}.stores WHERE location = $1
