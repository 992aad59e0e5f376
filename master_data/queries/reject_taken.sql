-- Rows with a value of a row that the file leaves alone; two rows may exchange theirs.
INSERT INTO {rejected}
SELECT p.line, %(names)s, 'unique', 'has the same value as another row of the table'
  FROM {proposed} p JOIN {target} t ON {same_group}
 WHERE NOT EXISTS (SELECT FROM {proposed} q WHERE {same_key})
