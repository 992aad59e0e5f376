-- The oldest transaction id still at work, or the next one: all before have ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8
