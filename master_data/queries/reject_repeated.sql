-- All but the first of the rows that share their values in some columns.
INSERT INTO {rejected}
SELECT line, %(names)s, %(rule)s, %(reason)s || first_line
  FROM (SELECT line, min(line) OVER (PARTITION BY {columns}) AS first_line
          FROM {proposed}
         WHERE ({columns}) IN
               (SELECT {columns} FROM {proposed} GROUP BY {columns} HAVING count(*) > 1)
       ) repeated
 WHERE line > first_line
