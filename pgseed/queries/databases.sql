-- Every database of the server with its comment; a half-dropped one has connection limit -2.
SELECT d.oid::int8 AS oid,
       d.datname AS name,
       shobj_description(d.oid, 'pg_database') AS comment,
       d.datconnlimit = -2 AS half_dropped,
       CASE WHEN %(sizes)s AND d.datconnlimit <> -2 THEN pg_database_size(d.oid) ELSE 0 END AS size_bytes
  FROM pg_database AS d
 WHERE NOT d.datistemplate
 ORDER BY d.datname COLLATE "C"
