IF to_regnamespace('{schema}') IS NULL THEN
  CREATE SCHEMA {schema};
END IF;

-- The stores, by location. The comment of this table says that it is session3's, and the version of the tables.
CREATE TABLE {schema}.stores (
  location text PRIMARY KEY,
  key integer GENERATED ALWAYS AS IDENTITY UNIQUE,
  id text NOT NULL,
  format integer NOT NULL
);

-- A row is a session, or the lock of an id without one, or both: what one statement must see at once is in one row.
--
-- Numbers are numeric: `bigint` ends in the middle of a u64, and an encoding in it would have to be undone before times
-- can be subtracted. Owners are bytes: text has no NUL.
CREATE TABLE {schema}.sessions (
  store integer NOT NULL,
  id text COLLATE "C" NOT NULL,
  version numeric(20),
  created numeric(20),
  modified numeric(20),
  active numeric(20),
  idle numeric(20),
  deadline numeric(20),
  owner bytea,
  -- The random id of the last write.
  write bigint,
  -- XXH3-64 of the data.
  checksum bigint,
  data bytea,
  -- The lock: its mode, and for each holder a token and the end of its lease.
  shared boolean,
  holders bytea[],
  ends timestamptz[],
  PRIMARY KEY (store, id),
  CONSTRAINT session CHECK (
    CASE WHEN version IS NULL
      THEN num_nonnulls(created, modified, active, idle, deadline, owner, write, checksum, data) = 0
      ELSE num_nulls(created, modified, active, write, checksum, data) = 0
        AND version BETWEEN 1 AND 18446744073709551614
        AND created BETWEEN 0 AND 18446744073709551615
        AND modified BETWEEN 0 AND 18446744073709551615
        AND active BETWEEN 0 AND 18446744073709551615
        AND idle BETWEEN 0 AND 18446744073709551615
        AND deadline BETWEEN 0 AND 18446744073709551615
        AND octet_length(owner) BETWEEN 1 AND 256
        AND octet_length(data) <= 16777216
    END)
) WITH (fillfactor = 70);

CREATE INDEX owners ON {schema}.sessions (store, owner, created, id) WHERE owner IS NOT NULL;

-- Sessions that could not be read.
CREATE TABLE {schema}.damaged (
  moved timestamptz NOT NULL DEFAULT now(),
  store integer NOT NULL,
  id text NOT NULL,
  version numeric,
  created numeric,
  modified numeric,
  active numeric,
  idle numeric,
  deadline numeric,
  owner bytea,
  write bigint,
  checksum bigint,
  data bytea
);
