-- $1 store, $2 id, $3 holder, $4 whether it is shared, $5 lease in milliseconds.
INSERT INTO {schema}.sessions AS s (store, id, shared, holders, ends)
VALUES ($1, $2, $4::boolean, ARRAY[$3::bytea], ARRAY[now() + $5::bigint * interval '1 millisecond'])
ON CONFLICT (store, id) DO UPDATE SET
  shared = excluded.shared,
  holders = {other_holders} || excluded.holders,
  ends = {other_ends} || excluded.ends
WHERE {other_holders} IS NULL OR s.shared AND excluded.shared
RETURNING true
