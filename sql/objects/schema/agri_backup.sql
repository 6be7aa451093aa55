CREATE SCHEMA agri_backup;
COMMENT ON SCHEMA agri_backup IS 'backups, WAL archive and state of agri_backup, as views';
GRANT USAGE ON SCHEMA agri_backup TO pg_monitor;
