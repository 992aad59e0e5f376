-- Only now has every row an id that another row of the same file may refer to.
UPDATE {target} t SET {column} = r.{id}
  FROM {proposed} p LEFT JOIN {target} r ON r.{key} = p.{written}
 WHERE (p.row_changes OR NOT p.row_exists) AND {same_key}
   AND t.{column} IS DISTINCT FROM r.{id}
