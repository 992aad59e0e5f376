SELECT count(*) FILTER (WHERE NOT row_exists) AS inserted,
       count(*) FILTER (WHERE row_changes) AS updated,
       count(*) FILTER (WHERE row_exists AND NOT row_changes) AS unchanged
  FROM {proposed}
