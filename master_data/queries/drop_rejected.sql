DELETE FROM {proposed} WHERE line IN (SELECT line FROM {rejected})
