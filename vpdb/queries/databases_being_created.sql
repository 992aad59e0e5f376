-- Sessions that make a database just now; its directory is there before its row in pg_database.
SELECT count(*) FROM pg_stat_activity
 WHERE state <> 'idle' AND pid <> pg_backend_pid() AND query ~* '\mcreate\M.*\mdatabase\M'
