\echo Use "ALTER EXTENSION agri_backup UPDATE" to load this file. \quit
SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
ALTER TABLE agri_backup.schedule ADD COLUMN note text;
COMMENT ON COLUMN agri_backup.schedule.note IS 'what it is for';
