-- In the order of the file.
INSERT INTO {target} ({columns})
SELECT {columns} FROM {proposed} WHERE NOT row_exists ORDER BY line
