-- The staged rows with references looked up, beside the rows that are there already, in one pass.
DROP TABLE IF EXISTS {proposed};
CREATE TEMPORARY TABLE proposed_rows ON COMMIT DROP AS
SELECT s.line, {selected},
       {exists} AS row_exists,
       ({exists}) AND ({changes}) AS row_changes
  FROM {staged} s {joins}
  LEFT JOIN {target} t ON {same_key};
ANALYZE {proposed} (line, {keys})
