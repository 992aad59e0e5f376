-- A psql script: the cluster's mark as one JSON object, or nothing where there is none.
SELECT to_regclass('vpdb.server') IS NOT NULL AS marked \gset
\if :marked
SELECT json_build_object('stack', stack, 'server_id', server_id, 'admin_password', admin_password)
  FROM vpdb.server;
\endif
