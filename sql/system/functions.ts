/** PostgreSQL's functions about the catalog and the session, written as SQL over the system relations: `$1` is the first argument. The
 *  binder puts the expression in the place of the call. */
import { ROLE } from './relation.js'

const BY_KEY = (relation: string, key = '$1') =>
  `(SELECT "$l"."$value" FROM pg_catalog."${relation}" AS "$l" WHERE "$l"."$key" = ${key})`
const NOTHING = 'CAST(NULL AS text)'
const TRUE = ['TRUE']

/** By name: an expression for each number of arguments, from the least on. Those left out are not used. */
export const SYSTEM_FUNCTIONS: Readonly<Record<string, { readonly from: number; readonly forms: readonly string[] }>> =
  {
    format_type: {
      from: 2,
      forms: [
        `CASE WHEN $1 = 1700 AND $2 >= 4 THEN 'numeric(' || ((CAST($2 AS integer) - 4) / 65536)::text || ',' || ((CAST($2 AS integer) - 4) % 65536)::text || ')'
        WHEN $1 = 1231 AND $2 >= 4 THEN 'numeric(' || ((CAST($2 AS integer) - 4) / 65536)::text || ',' || ((CAST($2 AS integer) - 4) % 65536)::text || ')[]'
        WHEN $1 = 0 THEN '-' ELSE coalesce(${BY_KEY('$type_names')}, CASE WHEN $1 IS NULL THEN NULL ELSE '???' END) END`,
      ],
    },
    pg_get_userbyid: {
      from: 1,
      forms: [`CASE WHEN $1 = ${ROLE.oid} THEN '${ROLE.name}' ELSE 'unknown (OID=' || ($1)::text || ')' END`],
    },
    pg_get_expr: { from: 2, forms: ['CAST($1 AS text)', 'CAST($1 AS text)'] },
    pg_get_viewdef: { from: 1, forms: [BY_KEY('$view_definitions'), BY_KEY('$view_definitions')] },
    pg_get_indexdef: {
      from: 1,
      forms: [
        BY_KEY('$index_definitions'),
        BY_KEY('$index_definitions'),
        `CASE WHEN $2 = 0 THEN ${BY_KEY('$index_definitions')} ELSE (SELECT "$l"."$value" FROM pg_catalog."$index_columns" AS "$l" WHERE "$l"."$key" = $1 AND "$l"."$number" = $2) END`,
      ],
    },
    pg_get_constraintdef: { from: 1, forms: [BY_KEY('$constraint_definitions'), BY_KEY('$constraint_definitions')] },
    pg_get_ruledef: { from: 1, forms: [NOTHING, NOTHING] },
    pg_get_triggerdef: { from: 1, forms: [NOTHING, NOTHING] },
    pg_get_functiondef: { from: 1, forms: [BY_KEY('$function_definitions')] },
    pg_get_function_result: {
      from: 1,
      forms: [
        `(SELECT "$t"."$value" FROM pg_catalog.pg_proc AS "$p" JOIN pg_catalog."$type_names" AS "$t" ON "$t"."$key" = "$p".prorettype WHERE "$p".oid = $1)`,
      ],
    },
    pg_get_function_arguments: {
      from: 1,
      forms: [BY_KEY('$function_arguments')],
    },
    pg_get_function_identity_arguments: {
      from: 1,
      forms: [BY_KEY('$function_arguments')],
    },
    pg_get_function_sqlbody: { from: 1, forms: [NOTHING] },
    pg_get_partkeydef: { from: 1, forms: [NOTHING] },
    pg_get_statisticsobjdef_columns: { from: 1, forms: [NOTHING] },
    pg_get_statisticsobjdef: { from: 1, forms: [NOTHING] },
    pg_get_serial_sequence: { from: 2, forms: [NOTHING] },
    pg_partition_ancestors: { from: 1, forms: ['CAST(NULL AS bigint)'] },
    pg_relation_is_publishable: { from: 1, forms: ['FALSE'] },
    obj_description: {
      from: 1,
      forms: [
        NOTHING,
        `(SELECT "$d".description FROM pg_catalog.pg_description AS "$d" WHERE "$d".objoid = $1 AND "$d".objsubid = 0)`,
      ],
    },
    shobj_description: { from: 2, forms: [NOTHING] },
    col_description: {
      from: 2,
      forms: [
        `(SELECT "$d".description FROM pg_catalog.pg_description AS "$d" WHERE "$d".objoid = $1 AND "$d".objsubid = $2)`,
      ],
    },
    pg_table_is_visible: {
      from: 1,
      forms: ['NOT EXISTS (SELECT 1 FROM pg_catalog."$hidden" AS "$l" WHERE "$l"."$key" = $1)'],
    },
    pg_type_is_visible: { from: 1, forms: TRUE },
    pg_function_is_visible: { from: 1, forms: TRUE },
    pg_operator_is_visible: { from: 1, forms: TRUE },
    pg_collation_is_visible: { from: 1, forms: TRUE },
    pg_conversion_is_visible: { from: 1, forms: TRUE },
    pg_opclass_is_visible: { from: 1, forms: TRUE },
    pg_opfamily_is_visible: { from: 1, forms: TRUE },
    pg_statistics_obj_is_visible: { from: 1, forms: TRUE },
    pg_ts_config_is_visible: { from: 1, forms: TRUE },
    pg_ts_dict_is_visible: { from: 1, forms: TRUE },
    pg_ts_parser_is_visible: { from: 1, forms: TRUE },
    pg_ts_template_is_visible: { from: 1, forms: TRUE },
    has_table_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_column_privilege: { from: 3, forms: ['TRUE', 'TRUE'] },
    has_any_column_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_schema_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_database_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_function_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_sequence_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_tablespace_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    has_type_privilege: { from: 2, forms: ['TRUE', 'TRUE'] },
    pg_has_role: { from: 2, forms: ['TRUE', 'TRUE'] },
    row_security_active: { from: 1, forms: ['FALSE'] },
    pg_encoding_to_char: { from: 1, forms: ["CASE WHEN $1 = 6 THEN 'UTF8' WHEN $1 = 0 THEN 'SQL_ASCII' ELSE '' END"] },
    pg_char_to_encoding: { from: 1, forms: ["CASE WHEN upper($1) IN ('UTF8', 'UTF-8', 'UNICODE') THEN 6 ELSE -1 END"] },
    pg_tablespace_location: { from: 1, forms: ["''"] },
    pg_tablespace_size: { from: 1, forms: ['CAST(0 AS bigint)'] },
    pg_is_in_recovery: { from: 0, forms: ['FALSE'] },
    pg_is_other_temp_schema: { from: 1, forms: ['FALSE'] },
    pg_my_temp_schema: { from: 0, forms: ['CAST(0 AS bigint)'] },
    pg_backend_pid: { from: 0, forms: ["CAST(current_setting('$pid') AS integer)"] },
    pg_postmaster_start_time: { from: 0, forms: ["CAST(current_setting('$started') AS timestamptz)"] },
    pg_conf_load_time: { from: 0, forms: ["CAST(current_setting('$started') AS timestamptz)"] },
    current_user: { from: 0, forms: ["current_setting('session_authorization')"] },
    session_user: { from: 0, forms: ["current_setting('session_authorization')"] },
    user: { from: 0, forms: ["current_setting('session_authorization')"] },
    current_role: { from: 0, forms: ["current_setting('session_authorization')"] },
    current_database: { from: 0, forms: ["current_setting('$database')"] },
    current_catalog: { from: 0, forms: ["current_setting('$database')"] },
    current_schema: { from: 0, forms: [BY_KEY('$search_path', '1')] },
    version: { from: 0, forms: ["'PostgreSQL ' || current_setting('server_version') || ' (Millrace)'"] },
    pg_size_pretty: {
      from: 1,
      forms: [
        `CASE WHEN abs($1) < 10240 THEN ($1)::text || ' bytes' WHEN abs($1) < 10485247 THEN round($1 / 1024.0)::bigint::text || ' kB'
        WHEN abs($1) < 10736893951 THEN round($1 / 1048576.0)::bigint::text || ' MB' WHEN abs($1) < 10994579406847 THEN round($1 / 1073741824.0)::bigint::text || ' GB'
        ELSE round($1 / 1099511627776.0)::bigint::text || ' TB' END`,
      ],
    },
    getdatabaseencoding: { from: 0, forms: ["'UTF8'"] },
    pg_client_encoding: { from: 0, forms: ["'UTF8'"] },
    // What a relation takes on disk is known of segments, not of relations: SHOW SEGMENTS.
    pg_relation_size: { from: 1, forms: ['CAST(NULL AS bigint)', 'CAST(NULL AS bigint)'] },
    pg_table_size: { from: 1, forms: ['CAST(NULL AS bigint)'] },
    pg_indexes_size: { from: 1, forms: ['CAST(NULL AS bigint)'] },
    pg_total_relation_size: { from: 1, forms: ['CAST(NULL AS bigint)'] },
    pg_database_size: { from: 1, forms: ['CAST(NULL AS bigint)'] },
    quote_ident: {
      from: 1,
      forms: [`CASE WHEN $1 ~ '^[a-z_][a-z0-9_$]*$' THEN $1 ELSE '"' || replace($1, '"', '""') || '"' END`],
    },
    quote_literal: { from: 1, forms: [`'''' || replace(($1)::text, '''', '''''') || ''''`] },
    parse_ident: {
      from: 1,
      forms: [
        `ARRAY(SELECT CASE WHEN "$m"."$p"[1] LIKE '"%' THEN replace(substr("$m"."$p"[1], 2, length("$m"."$p"[1]) - 2), '""', '"') ELSE lower(trim("$m"."$p"[1])) END
          FROM regexp_matches($1, '"(?:[^"]|"")*"|[^.]+', 'g') WITH ORDINALITY AS "$m"("$p", "$n") ORDER BY "$m"."$n")`,
      ],
    },
    inet_server_addr: { from: 0, forms: [NOTHING] },
    inet_server_port: { from: 0, forms: ['CAST(NULL AS integer)'] },
    inet_client_addr: { from: 0, forms: [NOTHING] },
    inet_client_port: { from: 0, forms: ['CAST(NULL AS integer)'] },
    pg_stat_get_numscans: { from: 1, forms: ['CAST(0 AS bigint)'] },
    pg_indexam_has_property: { from: 2, forms: ['FALSE'] },
    pg_index_column_has_property: { from: 3, forms: ['FALSE'] },
  }
