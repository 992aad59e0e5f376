-- What stands in front of each rejected row in its file.
SELECT line, string_agg(concat_ws(': ', nullif(column_name, ''), reason), '; '
                        ORDER BY column_name, reason)
  FROM {rejected} GROUP BY line ORDER BY line
