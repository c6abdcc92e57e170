-- What the server keeps, and whose the tables are. $1 the table of stores.
SELECT current_setting('fsync'), current_setting('synchronous_commit'), to_regclass($1::text) IS NOT NULL,
  obj_description(to_regclass($1), 'pg_class')
