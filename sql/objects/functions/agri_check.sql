CREATE FUNCTION @extschema@.agri_check(
    OUT name text,
    OUT ok boolean,
    OUT detail text,
    OUT hint text)
    RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SET search_path = pg_catalog, pg_temp
    AS $function$
DECLARE
    process record;
    archiving jsonb := agri_backup.state('archiving');
    newest record;
    library text := current_setting('archive_library');
    command text := current_setting('archive_command');
    leftover text;
    repository_ok boolean := false;
    is_clone boolean;
    in_sql text;
    on_disk text;
BEGIN
    SELECT * INTO process FROM agri_backup.processes();
    -- It is in order when it archives nothing.
    is_clone := process.state IS NOT DISTINCT FROM 'clone';

    name := 'preload'; ok := process.preloaded;
    detail := format('shared_preload_libraries = ''%s''', current_setting('shared_preload_libraries'));
    hint := CASE WHEN NOT ok THEN format('Set shared_preload_libraries = ''%s'' in postgresql.conf and restart the server.',
        concat_ws(', ', nullif(current_setting('shared_preload_libraries'), ''), 'agri_backup')) END;
    RETURN NEXT;

    SELECT extversion INTO in_sql FROM pg_extension WHERE extname = 'agri_backup';
    SELECT default_version INTO on_disk FROM pg_available_extensions AS available WHERE available.name = 'agri_backup';
    name := 'version';
    ok := on_disk = coalesce(process.archiving_version, on_disk) AND in_sql = coalesce(process.archiving_version, on_disk);
    detail := format('SQL objects %s, server %s, installed %s', in_sql, coalesce(process.archiving_version, 'unknown'), on_disk);
    hint := CASE WHEN ok THEN NULL
        WHEN process.archiving_version <> on_disk THEN 'Restart the server: it runs the version that was installed when it started.'
        ELSE 'Run ALTER EXTENSION agri_backup UPDATE.' END;
    RETURN NEXT;

    name := 'database'; ok := current_database() = current_setting('agri_backup.database');
    detail := format('agri_backup.database = ''%s''', current_setting('agri_backup.database'));
    hint := CASE WHEN NOT ok THEN format('Use the extension in database "%s", or set agri_backup.database = ''%s'' and reload the server.',
        current_setting('agri_backup.database'), current_database()) END;
    RETURN NEXT;

    name := 'wal_level'; ok := current_setting('wal_level') <> 'minimal';
    detail := format('wal_level = %s', current_setting('wal_level'));
    hint := CASE WHEN NOT ok THEN 'Set wal_level = replica in postgresql.conf and restart the server.' END;
    RETURN NEXT;

    name := 'full_page_writes'; ok := current_setting('full_page_writes')::boolean;
    detail := format('full_page_writes = %s', current_setting('full_page_writes'));
    hint := CASE WHEN NOT ok THEN 'Set full_page_writes = on: without it a backup from a standby cannot be restored.' END;
    RETURN NEXT;

    name := 'archive_mode'; ok := (current_setting('archive_mode') = 'off') = is_clone;
    detail := format('archive_mode = %s', current_setting('archive_mode'));
    hint := CASE WHEN ok THEN NULL
        WHEN is_clone THEN 'Set archive_mode = off in postgresql.conf and restart the server: a clone archives nothing, and keeps all its WAL.'
        ELSE 'Set archive_mode = on in postgresql.conf and restart the server.' END;
    RETURN NEXT;

    name := 'archive_library';
    ok := is_clone OR library = 'agri_backup' AND command IN ('', '(disabled)') OR library = '' AND command ~ 'agri_backup.* wal-push';
    detail := format('archive_library = ''%s'', archive_command = ''%s''', library, command);
    hint := CASE WHEN NOT ok THEN 'Set archive_library = ''agri_backup'' and archive_command = '''' in postgresql.conf and reload the server.' END;
    RETURN NEXT;

    name := 'settings';
    ok := process.preloaded AND process.state IS DISTINCT FROM 'not configured';
    detail := coalesce(process.problem, concat_ws(', ',
        format('agri_backup.repository = ''%s''', current_setting('agri_backup.repository')),
        'configuration file ' || agri_backup.config_file()));
    hint := CASE WHEN NOT ok THEN coalesce(process.hint, 'See the checks above.') WHEN is_clone THEN process.hint END;
    RETURN NEXT;

    name := 'archiving process'; ok := process.archiving_pid IS NOT NULL OR is_clone;
    detail := CASE WHEN process.archiving_pid IS NOT NULL THEN format('process %s since %s', process.archiving_pid, process.archiving_since)
        ELSE coalesce(process.problem, 'not running') END;
    hint := CASE WHEN NOT ok THEN coalesce(process.hint, 'See the checks above.') END;
    RETURN NEXT;

    name := 'archiving';
    ok := is_clone
        OR process.failing_since IS NULL AND archiving->>'failing_since' IS NULL AND process.archiving_pid IS NOT NULL;
    detail := CASE WHEN is_clone THEN process.problem
        WHEN ok THEN format('last archived: %s', coalesce(archiving->>'last_archived_wal', 'nothing yet'))
        ELSE concat_ws(': ',
            'failing since ' || coalesce(process.failing_since::text, archiving->>'failing_since'),
            coalesce(process.last_error, archiving#>>'{last_error,message}', 'nothing is archived')) END;
    hint := CASE WHEN NOT ok THEN coalesce(process.last_error_hint, archiving#>>'{last_error,hint}', process.hint, 'See the checks above.') END;
    RETURN NEXT;

    name := 'repository'; hint := NULL;
    BEGIN
        PERFORM @extschema@.agri_refresh();
        repository_ok := true;
        ok := true;
        detail := format('%s can be read', agri_backup.state('repository')->>'uri');
    EXCEPTION WHEN OTHERS THEN
        ok := false;
        GET STACKED DIAGNOSTICS detail = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    END;
    RETURN NEXT;

    SELECT backup_id, stop_time INTO newest FROM agri_backup.backups WHERE problem IS NULL
        ORDER BY timeline DESC, start_lsn DESC LIMIT 1;
    name := 'backup'; ok := newest.backup_id IS NOT NULL;
    detail := CASE WHEN ok THEN format('newest: %s, ended %s', newest.backup_id, newest.stop_time)
        WHEN repository_ok THEN 'there is no backup' ELSE 'unknown' END;
    hint := CASE WHEN NOT ok THEN 'Take one: SELECT agri_backup_now().' END;
    RETURN NEXT;

    -- What a restore wrote for its own recovery. Settings that are to change at the next start are settled.
    SELECT string_agg(s.name, ', ' ORDER BY s.name) INTO leftover FROM pg_settings AS s
        WHERE s.name IN ('recovery_target', 'recovery_target_lsn', 'recovery_target_name', 'recovery_target_time',
            'recovery_target_timeline', 'recovery_target_xid')
            AND s.setting NOT IN ('', 'latest') AND NOT s.pending_restart;
    name := 'recovery target'; ok := pg_is_in_recovery() OR leftover IS NULL;
    detail := CASE WHEN ok THEN 'none is left of a restore' ELSE format('left of a restore: %s', leftover) END;
    hint := CASE WHEN NOT ok THEN 'It would apply again if this server became a standby. Run ALTER SYSTEM RESET for each, then reload the server.' END;
    RETURN NEXT;

    -- A clone that was adopted has it still.
    name := 'subscriptions';
    ok := is_clone OR current_setting('max_logical_replication_workers') <> '0'
        OR NOT EXISTS (SELECT FROM pg_subscription WHERE subenabled);
    detail := format('max_logical_replication_workers = %s', current_setting('max_logical_replication_workers'));
    hint := CASE WHEN NOT ok THEN 'Nothing is replicated to this server: a restore as clone switches that off. Run ALTER SYSTEM RESET max_logical_replication_workers, then restart the server.' END;
    RETURN NEXT;

    name := 'key slots'; ok := true;
    detail := coalesce(archiving->>'key_slots', 'unknown');
    hint := CASE WHEN archiving->>'key_slots' = '1'
        THEN 'Only one key opens the repository. Keep a copy of it elsewhere: without it no backup can be read.' END;
    RETURN NEXT;

    name := 'data checksums'; ok := true;
    detail := format('data_checksums = %s', current_setting('data_checksums'));
    hint := CASE WHEN current_setting('data_checksums') <> 'on'
        THEN 'Without data checksums a backup cannot notice pages that the disk damaged; see pg_checksums.' END;
    RETURN NEXT;
END
$function$;
COMMENT ON FUNCTION @extschema@.agri_check() IS
    'checks everything that archiving and backups need, the repository included; a hint says what to do, and with ok = true it is an advice';
REVOKE ALL ON FUNCTION @extschema@.agri_check() FROM PUBLIC;
