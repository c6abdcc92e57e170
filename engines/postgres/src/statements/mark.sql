-- $1 location, $2 store id, $3 format.
INSERT INTO {schema}.stores (location, id, format) VALUES ($1, $2, $3) ON CONFLICT (location) DO NOTHING
