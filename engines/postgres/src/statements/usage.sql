-- $1 store. A large table is counted from a sample of its pages.
SELECT count(*), coalesce(sum(pg_column_size(s.data)), 0)::bigint, (SELECT {percent})
FROM {schema}.sessions s TABLESAMPLE SYSTEM ((SELECT {percent}))
WHERE s.store = $1 AND s.version IS NOT NULL
