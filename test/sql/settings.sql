-- Parameters: what they accept, what they say when they don't, when they can change.
CREATE EXTENSION agri_backup;
SELECT name, vartype, unit, context, boot_val, min_val, max_val, enumvals
FROM pg_settings WHERE name LIKE 'agri\_backup.%' ORDER BY name;
SELECT name FROM pg_settings
WHERE name LIKE 'agri\_backup.%' AND (short_desc NOT LIKE '%.' OR extra_desc NOT LIKE '%.');

ALTER SYSTEM SET agri_backup.repository = 's3://bucket/folder';
ALTER SYSTEM SET agri_backup.repository = '/backup/main';
ALTER SYSTEM SET agri_backup.key = 'main.key';
ALTER SYSTEM SET agri_backup.cluster = '../main';
ALTER SYSTEM SET agri_backup.cluster = '';
ALTER SYSTEM SET agri_backup.config_file = 'main.conf';
ALTER SYSTEM SET agri_backup.compression_level = 20;
ALTER SYSTEM SET agri_backup.log_level = 'loud';
SET agri_backup.repository = 'file:///backup/main';
SET agri_backup.wait_limit = '90s';
SHOW agri_backup.wait_limit;
SET agri_backup.nonsense = 1;
