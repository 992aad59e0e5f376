UPDATE {target} t SET {assigned} FROM {proposed} p WHERE p.row_changes AND {same_key}
