-- $1 store, $2 id, $3 holder, $4 lease in milliseconds.
UPDATE {schema}.sessions s SET ends[array_position(s.holders, $3::bytea)] = now() + $4::bigint * interval '1 millisecond'
WHERE s.store = $1 AND s.id = $2 AND now() < s.ends[array_position(s.holders, $3)]
RETURNING true
