-- Moves a session that cannot be read out of the way, if it has not changed. $1 store, $2 id, $3 its transaction.
WITH old AS (
  SELECT s.*, {live} AS live
  FROM {schema}.sessions s
  WHERE s.store = $1 AND s.id = $2 AND s.version IS NOT NULL AND s.xmin::text = $3
  FOR UPDATE
), kept AS (
  INSERT INTO {schema}.damaged
    (store, id, version, created, modified, active, idle, deadline, owner, write, checksum, data)
  SELECT store, id, version, created, modified, active, idle, deadline, owner, write, checksum, data FROM old
), dropped AS (
  DELETE FROM {schema}.sessions s USING old WHERE s.store = $1 AND s.id = $2 AND NOT old.live
), emptied AS (
  UPDATE {schema}.sessions s SET {nothing} FROM old WHERE s.store = $1 AND s.id = $2 AND old.live
)
SELECT true FROM old
