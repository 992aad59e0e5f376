-- Rows that name a row of another table which is not there.
INSERT INTO {rejected}
SELECT line, %(column)s, 'reference', %(unknown)s || quote_literal({written})
  FROM {proposed}
 WHERE {written} IS NOT NULL AND {id} IS NULL
