INSERT INTO {log} (file_name, file_sha256, table_name, inserted_rows, updated_rows, rejected_rows)
VALUES %s
