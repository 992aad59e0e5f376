-- References within the table, to rows that neither the table nor the file has.
INSERT INTO {rejected}
SELECT p.line, %(column)s, 'reference',
       CASE WHEN p.{key} = p.{written} THEN 'refers to itself'
            ELSE %(unknown)s || quote_literal(p.{written}) END
  FROM {proposed} p
 WHERE p.{written} IS NOT NULL
   AND (p.{key} = p.{written}
        OR NOT EXISTS (SELECT FROM {target} t WHERE t.{key} = p.{written}
                       UNION ALL
                       SELECT FROM {proposed} q WHERE q.{key} = p.{written}))
