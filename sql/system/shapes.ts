/** The columns of PostgreSQL's system relations, with their numbers: name and type of each, as `columns` of relation.ts reads them. What
 *  PostgreSQL keeps in a type of its own (`name`, `"char"`, `regproc`, `aclitem`) is text here. */

type Shapes = Readonly<Record<string, readonly [oid: number, columns: string]>>

export const PG_CATALOG = {
  pg_aggregate: [
    2600,
    'aggfnoid:t aggkind:t aggnumdirectargs:s aggtransfn:t aggfinalfn:t aggcombinefn:t aggserialfn:t ' +
      'aggdeserialfn:t aggmtransfn:t aggminvtransfn:t aggmfinalfn:t aggfinalextra:b aggmfinalextra:b ' +
      'aggfinalmodify:t aggmfinalmodify:t aggsortop:o aggtranstype:o aggtransspace:i aggmtranstype:o ' +
      'aggmtransspace:i agginitval:t aggminitval:t',
  ],
  pg_am: [2601, 'oid:o amname:t amhandler:t amtype:t'],
  pg_amop: [
    2602,
    'oid:o amopfamily:o amoplefttype:o amoprighttype:o amopstrategy:s amoppurpose:t amopopr:o amopmethod:o ' +
      'amopsortfamily:o',
  ],
  pg_amproc: [2603, 'oid:o amprocfamily:o amproclefttype:o amprocrighttype:o amprocnum:s amproc:t'],
  pg_attrdef: [2604, 'oid:o adrelid:o adnum:s adbin:t'],
  pg_attribute: [
    1249,
    'attrelid:o attname:t atttypid:o attstattarget:i attlen:s attnum:s attndims:i attcacheoff:i atttypmod:i ' +
      'attbyval:b attalign:t attstorage:t attcompression:t attnotnull:b atthasdef:b atthasmissing:b ' +
      'attidentity:t attgenerated:t attisdropped:b attislocal:b attinhcount:i attcollation:o attacl:t[] ' +
      'attoptions:t[] attfdwoptions:t[] attmissingval:t',
  ],
  pg_auth_members: [1261, 'roleid:o member:o grantor:o admin_option:b'],
  pg_authid: [
    1260,
    'oid:o rolname:t rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b rolreplication:b ' +
      'rolbypassrls:b rolconnlimit:i rolpassword:t rolvaliduntil:T',
  ],
  pg_available_extensions: [12081, 'name:t default_version:t installed_version:t comment:t'],
  pg_cast: [2605, 'oid:o castsource:o casttarget:o castfunc:o castcontext:t castmethod:t'],
  pg_class: [
    1259,
    'oid:o relname:t relnamespace:o reltype:o reloftype:o relowner:o relam:o relfilenode:o reltablespace:o ' +
      'relpages:i reltuples:f relallvisible:i reltoastrelid:o relhasindex:b relisshared:b relpersistence:t ' +
      'relkind:t relnatts:s relchecks:s relhasrules:b relhastriggers:b relhassubclass:b relrowsecurity:b ' +
      'relforcerowsecurity:b relispopulated:b relreplident:t relispartition:b relrewrite:o relfrozenxid:l ' +
      'relminmxid:l relacl:t[] reloptions:t[] relpartbound:t',
  ],
  pg_collation: [
    3456,
    'oid:o collname:t collnamespace:o collowner:o collprovider:t collisdeterministic:b collencoding:i ' +
      'collcollate:t collctype:t colliculocale:t collversion:t',
  ],
  pg_constraint: [
    2606,
    'oid:o conname:t connamespace:o contype:t condeferrable:b condeferred:b convalidated:b conrelid:o ' +
      'contypid:o conindid:o conparentid:o confrelid:o confupdtype:t confdeltype:t confmatchtype:t conislocal:b ' +
      'coninhcount:i connoinherit:b conkey:s[] confkey:s[] conpfeqop:o[] conppeqop:o[] conffeqop:o[] ' +
      'confdelsetcols:s[] conexclop:o[] conbin:t',
  ],
  pg_conversion: [
    2607,
    'oid:o conname:t connamespace:o conowner:o conforencoding:i contoencoding:i conproc:t condefault:b',
  ],
  pg_cursors: [12077, 'name:t statement:t is_holdable:b is_binary:b is_scrollable:b creation_time:T'],
  pg_database: [
    1262,
    'oid:o datname:t datdba:o encoding:i datlocprovider:t datistemplate:b datallowconn:b datconnlimit:i ' +
      'datfrozenxid:l datminmxid:l dattablespace:o datcollate:t datctype:t daticulocale:t datcollversion:t ' +
      'datacl:t[]',
  ],
  pg_db_role_setting: [2964, 'setdatabase:o setrole:o setconfig:t[]'],
  pg_default_acl: [826, 'oid:o defaclrole:o defaclnamespace:o defaclobjtype:t defaclacl:t[]'],
  pg_depend: [2608, 'classid:o objid:o objsubid:i refclassid:o refobjid:o refobjsubid:i deptype:t'],
  pg_description: [2609, 'objoid:o classoid:o objsubid:i description:t'],
  pg_enum: [3501, 'oid:o enumtypid:o enumsortorder:f enumlabel:t'],
  pg_event_trigger: [3466, 'oid:o evtname:t evtevent:t evtowner:o evtfoid:o evtenabled:t evttags:t[]'],
  pg_extension: [
    3079,
    'oid:o extname:t extowner:o extnamespace:o extrelocatable:b extversion:t extconfig:o[] extcondition:t[]',
  ],
  pg_foreign_data_wrapper: [2328, 'oid:o fdwname:t fdwowner:o fdwhandler:o fdwvalidator:o fdwacl:t[] fdwoptions:t[]'],
  pg_foreign_server: [1417, 'oid:o srvname:t srvowner:o srvfdw:o srvtype:t srvversion:t srvacl:t[] srvoptions:t[]'],
  pg_foreign_table: [3118, 'ftrelid:o ftserver:o ftoptions:t[]'],
  pg_group: [12010, 'groname:t grosysid:o grolist:o[]'],
  pg_index: [
    2610,
    'indexrelid:o indrelid:o indnatts:s indnkeyatts:s indisunique:b indnullsnotdistinct:b indisprimary:b ' +
      'indisexclusion:b indimmediate:b indisclustered:b indisvalid:b indcheckxmin:b indisready:b indislive:b ' +
      'indisreplident:b indkey:s[] indcollation:o[] indclass:o[] indoption:s[] indexprs:t indpred:t',
  ],
  pg_indexes: [12043, 'schemaname:t tablename:t indexname:t tablespace:t indexdef:t'],
  pg_inherits: [2611, 'inhrelid:o inhparent:o inhseqno:i inhdetachpending:b'],
  pg_init_privs: [3394, 'objoid:o classoid:o objsubid:i privtype:t initprivs:t[]'],
  pg_language: [
    2612,
    'oid:o lanname:t lanowner:o lanispl:b lanpltrusted:b lanplcallfoid:o laninline:o lanvalidator:o ' + 'lanacl:t[]',
  ],
  pg_largeobject_metadata: [2995, 'oid:o lomowner:o lomacl:t[]'],
  pg_locks: [
    12073,
    'locktype:t database:o relation:o page:i tuple:s virtualxid:t transactionid:l classid:o objid:o ' +
      'objsubid:s virtualtransaction:t pid:i mode:t granted:b fastpath:b waitstart:T',
  ],
  pg_matviews: [
    12038,
    'schemaname:t matviewname:t matviewowner:t tablespace:t hasindexes:b ispopulated:b definition:t',
  ],
  pg_namespace: [2615, 'oid:o nspname:t nspowner:o nspacl:t[]'],
  pg_opclass: [
    2616,
    'oid:o opcmethod:o opcname:t opcnamespace:o opcowner:o opcfamily:o opcintype:o opcdefault:b opckeytype:o',
  ],
  pg_operator: [
    2617,
    'oid:o oprname:t oprnamespace:o oprowner:o oprkind:t oprcanmerge:b oprcanhash:b oprleft:o oprright:o ' +
      'oprresult:o oprcom:o oprnegate:o oprcode:o oprrest:t oprjoin:t',
  ],
  pg_opfamily: [2753, 'oid:o opfmethod:o opfname:t opfnamespace:o opfowner:o'],
  pg_partitioned_table: [
    3350,
    'partrelid:o partstrat:t partnatts:s partdefid:o partattrs:s[] partclass:o[] partcollation:o[] ' + 'partexprs:t',
  ],
  pg_policies: [12018, 'schemaname:t tablename:t policyname:t permissive:t roles:t[] cmd:t qual:t with_check:t'],
  pg_policy: [3256, 'oid:o polname:t polrelid:o polcmd:t polpermissive:b polroles:o[] polqual:t polwithcheck:t'],
  pg_prepared_statements: [
    12095,
    'name:t statement:t prepare_time:T parameter_types:t[] from_sql:b generic_plans:l custom_plans:l',
  ],
  pg_prepared_xacts: [12090, 'transaction:l gid:t prepared:T owner:t database:t'],
  pg_proc: [
    1255,
    'oid:o proname:t pronamespace:o proowner:o prolang:o procost:f prorows:f provariadic:o prosupport:t ' +
      'prokind:t prosecdef:b proleakproof:b proisstrict:b proretset:b provolatile:t proparallel:t pronargs:s ' +
      'pronargdefaults:s prorettype:o proargtypes:o[] proallargtypes:o[] proargmodes:t[] proargnames:t[] ' +
      'proargdefaults:t protrftypes:o[] prosrc:t probin:t prosqlbody:t proconfig:t[] proacl:t[]',
  ],
  pg_publication: [
    6104,
    'oid:o pubname:t pubowner:o puballtables:b pubinsert:b pubupdate:b pubdelete:b pubtruncate:b pubviaroot:b',
  ],
  pg_publication_namespace: [6237, 'oid:o pnpubid:o pnnspid:o'],
  pg_publication_rel: [6106, 'oid:o prpubid:o prrelid:o prqual:t prattrs:s[]'],
  pg_publication_tables: [12068, 'pubname:t schemaname:t tablename:t attnames:t[] rowfilter:t'],
  pg_range: [3541, 'rngtypid:o rngsubtype:o rngmultitypid:o rngcollation:o rngsubopc:o rngcanonical:t rngsubdiff:t'],
  pg_replication_slots: [
    12257,
    'slot_name:t plugin:t slot_type:t datoid:o database:t temporary:b active:b active_pid:i xmin:l ' +
      'catalog_xmin:l restart_lsn:t confirmed_flush_lsn:t wal_status:t safe_wal_size:l two_phase:b',
  ],
  pg_rewrite: [2618, 'oid:o rulename:t ev_class:o ev_type:t ev_enabled:t is_instead:b ev_qual:t ev_action:t'],
  pg_roles: [
    12000,
    'rolname:t rolsuper:b rolinherit:b rolcreaterole:b rolcreatedb:b rolcanlogin:b rolreplication:b ' +
      'rolconnlimit:i rolpassword:t rolvaliduntil:T rolbypassrls:b rolconfig:t[] oid:o',
  ],
  pg_rules: [12023, 'schemaname:t tablename:t rulename:t definition:t'],
  pg_seclabel: [3596, 'objoid:o classoid:o objsubid:i provider:t label:t'],
  pg_sequence: [2224, 'seqrelid:o seqtypid:o seqstart:l seqincrement:l seqmax:l seqmin:l seqcache:l seqcycle:b'],
  pg_sequences: [
    12048,
    'schemaname:t sequencename:t sequenceowner:t data_type:t start_value:l min_value:l max_value:l ' +
      'increment_by:l cycle:b cache_size:l last_value:l',
  ],
  pg_settings: [
    12104,
    'name:t setting:t unit:t category:t short_desc:t extra_desc:t context:t vartype:t source:t min_val:t ' +
      'max_val:t enumvals:t[] boot_val:t reset_val:t sourcefile:t sourceline:i pending_restart:b',
  ],
  pg_shadow: [
    12005,
    'usename:t usesysid:o usecreatedb:b usesuper:b userepl:b usebypassrls:b passwd:t valuntil:T useconfig:t[]',
  ],
  pg_shdepend: [1214, 'dbid:o classid:o objid:o objsubid:i refclassid:o refobjid:o deptype:t'],
  pg_shdescription: [2396, 'objoid:o classoid:o description:t'],
  pg_stat_activity: [
    12222,
    'datid:o datname:t pid:i leader_pid:i usesysid:o usename:t application_name:t client_addr:t ' +
      'client_hostname:t client_port:i backend_start:T xact_start:T query_start:T state_change:T ' +
      'wait_event_type:t wait_event:t state:t backend_xid:l backend_xmin:l query_id:l query:t backend_type:t',
  ],
  pg_stat_all_tables: [
    12142,
    'relid:o schemaname:t relname:t seq_scan:l seq_tup_read:l idx_scan:l idx_tup_fetch:l n_tup_ins:l ' +
      'n_tup_upd:l n_tup_del:l n_tup_hot_upd:l n_live_tup:l n_dead_tup:l n_mod_since_analyze:l ' +
      'n_ins_since_vacuum:l last_vacuum:T last_autovacuum:T last_analyze:T last_autoanalyze:T vacuum_count:l ' +
      'autovacuum_count:l analyze_count:l autoanalyze_count:l',
  ],
  pg_stat_database: [
    12266,
    'datid:o datname:t numbackends:i xact_commit:l xact_rollback:l blks_read:l blks_hit:l tup_returned:l ' +
      'tup_fetched:l tup_inserted:l tup_updated:l tup_deleted:l conflicts:l temp_files:l temp_bytes:l ' +
      'deadlocks:l checksum_failures:l checksum_last_failure:T blk_read_time:d blk_write_time:d session_time:d ' +
      'active_time:d idle_in_transaction_time:d sessions:l sessions_abandoned:l sessions_fatal:l ' +
      'sessions_killed:l stats_reset:T',
  ],
  pg_stat_replication: [
    12227,
    'pid:i usesysid:o usename:t application_name:t client_addr:t client_hostname:t client_port:i ' +
      'backend_start:T backend_xmin:l state:t sent_lsn:t write_lsn:t flush_lsn:t replay_lsn:t write_lag:I ' +
      'flush_lag:I replay_lag:I sync_priority:i sync_state:t reply_time:T',
  ],
  pg_stat_ssl: [12249, 'pid:i ssl:b version:t cipher:t bits:i client_dn:t client_serial:t issuer_dn:t'],
  pg_stat_user_indexes: [
    12192,
    'relid:o indexrelid:o schemaname:t relname:t indexrelname:t idx_scan:l idx_tup_read:l idx_tup_fetch:l',
  ],
  pg_stat_user_tables: [
    12161,
    'relid:o schemaname:t relname:t seq_scan:l seq_tup_read:l idx_scan:l idx_tup_fetch:l n_tup_ins:l ' +
      'n_tup_upd:l n_tup_del:l n_tup_hot_upd:l n_live_tup:l n_dead_tup:l n_mod_since_analyze:l ' +
      'n_ins_since_vacuum:l last_vacuum:T last_autovacuum:T last_analyze:T last_autoanalyze:T vacuum_count:l ' +
      'autovacuum_count:l analyze_count:l autoanalyze_count:l',
  ],
  pg_statio_user_tables: [
    12179,
    'relid:o schemaname:t relname:t heap_blks_read:l heap_blks_hit:l idx_blks_read:l idx_blks_hit:l ' +
      'toast_blks_read:l toast_blks_hit:l tidx_blks_read:l tidx_blks_hit:l',
  ],
  pg_statistic: [
    2619,
    'starelid:o staattnum:s stainherit:b stanullfrac:f stawidth:i stadistinct:f stakind1:s stakind2:s ' +
      'stakind3:s stakind4:s stakind5:s staop1:o staop2:o staop3:o staop4:o staop5:o stacoll1:o stacoll2:o ' +
      'stacoll3:o stacoll4:o stacoll5:o stanumbers1:t stanumbers2:t stanumbers3:t stanumbers4:t stanumbers5:t ' +
      'stavalues1:t stavalues2:t stavalues3:t stavalues4:t stavalues5:t',
  ],
  pg_statistic_ext: [
    3381,
    'oid:o stxrelid:o stxname:t stxnamespace:o stxowner:o stxstattarget:i stxkeys:s[] stxkind:t[] stxexprs:t',
  ],
  pg_stats: [
    12053,
    'schemaname:t tablename:t attname:t inherited:b null_frac:f avg_width:i n_distinct:f most_common_vals:t ' +
      'most_common_freqs:t histogram_bounds:t correlation:f most_common_elems:t most_common_elem_freqs:t ' +
      'elem_count_histogram:t',
  ],
  pg_subscription: [
    6100,
    'oid:o subdbid:o subskiplsn:t subname:t subowner:o subenabled:b subbinary:b substream:b ' +
      'subtwophasestate:t subdisableonerr:b subconninfo:t subslotname:t subsynccommit:t subpublications:t[]',
  ],
  pg_tables: [
    12033,
    'schemaname:t tablename:t tableowner:t tablespace:t hasindexes:b hasrules:b hastriggers:b rowsecurity:b',
  ],
  pg_tablespace: [1213, 'oid:o spcname:t spcowner:o spcacl:t[] spcoptions:t[]'],
  pg_timezone_names: [12126, 'name:t abbrev:t utc_offset:I is_dst:b'],
  pg_transform: [3576, 'oid:o trftype:o trflang:o trffromsql:t trftosql:t'],
  pg_trigger: [
    2620,
    'oid:o tgrelid:o tgparentid:o tgname:t tgfoid:o tgtype:s tgenabled:t tgisinternal:b tgconstrrelid:o ' +
      'tgconstrindid:o tgconstraint:o tgdeferrable:b tginitdeferred:b tgnargs:s tgattr:s[] tgargs:t tgqual:t ' +
      'tgoldtable:t tgnewtable:t',
  ],
  pg_ts_config: [3602, 'oid:o cfgname:t cfgnamespace:o cfgowner:o cfgparser:o'],
  pg_ts_dict: [3600, 'oid:o dictname:t dictnamespace:o dictowner:o dicttemplate:o dictinitoption:t'],
  pg_ts_parser: [3601, 'oid:o prsname:t prsnamespace:o prsstart:t prstoken:t prsend:t prsheadline:t prslextype:t'],
  pg_ts_template: [3764, 'oid:o tmplname:t tmplnamespace:o tmplinit:t tmpllexize:t'],
  pg_type: [
    1247,
    'oid:o typname:t typnamespace:o typowner:o typlen:s typbyval:b typtype:t typcategory:t typispreferred:b ' +
      'typisdefined:b typdelim:t typrelid:o typsubscript:t typelem:o typarray:o typinput:t typoutput:t ' +
      'typreceive:t typsend:t typmodin:t typmodout:t typanalyze:t typalign:t typstorage:t typnotnull:b ' +
      'typbasetype:o typtypmod:i typndims:i typcollation:o typdefaultbin:t typdefault:t typacl:t[]',
  ],
  pg_user: [
    12014,
    'usename:t usesysid:o usecreatedb:b usesuper:b userepl:b usebypassrls:b passwd:t valuntil:T useconfig:t[]',
  ],
  pg_user_mapping: [1418, 'oid:o umuser:o umserver:o umoptions:t[]'],
  pg_views: [12028, 'schemaname:t viewname:t viewowner:t definition:t'],
} as const satisfies Shapes

export const INFORMATION_SCHEMA = {
  applicable_roles: [13236, 'grantee:t role_name:t is_grantable:t'],
  character_sets: [
    13250,
    'character_set_catalog:t character_set_schema:t character_set_name:t character_repertoire:t form_of_use:t ' +
      'default_collate_catalog:t default_collate_schema:t default_collate_name:t',
  ],
  check_constraints: [13260, 'constraint_catalog:t constraint_schema:t constraint_name:t check_clause:t'],
  column_domain_usage: [
    13280,
    'domain_catalog:t domain_schema:t domain_name:t table_catalog:t table_schema:t table_name:t column_name:t',
  ],
  column_privileges: [
    13285,
    'grantor:t grantee:t table_catalog:t table_schema:t table_name:t column_name:t privilege_type:t ' +
      'is_grantable:t',
  ],
  columns: [
    13295,
    'table_catalog:t table_schema:t table_name:t column_name:t ordinal_position:i column_default:t ' +
      'is_nullable:t data_type:t character_maximum_length:i character_octet_length:i numeric_precision:i ' +
      'numeric_precision_radix:i numeric_scale:i datetime_precision:i interval_type:t interval_precision:i ' +
      'character_set_catalog:t character_set_schema:t character_set_name:t collation_catalog:t ' +
      'collation_schema:t collation_name:t domain_catalog:t domain_schema:t domain_name:t udt_catalog:t ' +
      'udt_schema:t udt_name:t scope_catalog:t scope_schema:t scope_name:t maximum_cardinality:i ' +
      'dtd_identifier:t is_self_referencing:t is_identity:t identity_generation:t identity_start:t ' +
      'identity_increment:t identity_maximum:t identity_minimum:t identity_cycle:t is_generated:t ' +
      'generation_expression:t is_updatable:t',
  ],
  constraint_column_usage: [
    13300,
    'table_catalog:t table_schema:t table_name:t column_name:t constraint_catalog:t constraint_schema:t ' +
      'constraint_name:t',
  ],
  constraint_table_usage: [
    13305,
    'table_catalog:t table_schema:t table_name:t constraint_catalog:t constraint_schema:t constraint_name:t',
  ],
  domains: [
    13320,
    'domain_catalog:t domain_schema:t domain_name:t data_type:t character_maximum_length:i ' +
      'character_octet_length:i character_set_catalog:t character_set_schema:t character_set_name:t ' +
      'collation_catalog:t collation_schema:t collation_name:t numeric_precision:i numeric_precision_radix:i ' +
      'numeric_scale:i datetime_precision:i interval_type:t interval_precision:i domain_default:t udt_catalog:t ' +
      'udt_schema:t udt_name:t scope_catalog:t scope_schema:t scope_name:t maximum_cardinality:i ' +
      'dtd_identifier:t',
  ],
  element_types: [
    13493,
    'object_catalog:t object_schema:t object_name:t object_type:t collection_type_identifier:t data_type:t ' +
      'character_maximum_length:i character_octet_length:i character_set_catalog:t character_set_schema:t ' +
      'character_set_name:t collation_catalog:t collation_schema:t collation_name:t numeric_precision:i ' +
      'numeric_precision_radix:i numeric_scale:i datetime_precision:i interval_type:t interval_precision:i ' +
      'domain_default:t udt_catalog:t udt_schema:t udt_name:t scope_catalog:t scope_schema:t scope_name:t ' +
      'maximum_cardinality:i dtd_identifier:t',
  ],
  enabled_roles: [13325, 'role_name:t'],
  information_schema_catalog_name: [13227, 'catalog_name:t'],
  key_column_usage: [
    13329,
    'constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t table_schema:t table_name:t ' +
      'column_name:t ordinal_position:i position_in_unique_constraint:i',
  ],
  parameters: [
    13334,
    'specific_catalog:t specific_schema:t specific_name:t ordinal_position:i parameter_mode:t is_result:t ' +
      'as_locator:t parameter_name:t data_type:t character_maximum_length:i character_octet_length:i ' +
      'character_set_catalog:t character_set_schema:t character_set_name:t collation_catalog:t ' +
      'collation_schema:t collation_name:t numeric_precision:i numeric_precision_radix:i numeric_scale:i ' +
      'datetime_precision:i interval_type:t interval_precision:i udt_catalog:t udt_schema:t udt_name:t ' +
      'scope_catalog:t scope_schema:t scope_name:t maximum_cardinality:i dtd_identifier:t parameter_default:t',
  ],
  referential_constraints: [
    13339,
    'constraint_catalog:t constraint_schema:t constraint_name:t unique_constraint_catalog:t ' +
      'unique_constraint_schema:t unique_constraint_name:t match_option:t update_rule:t delete_rule:t',
  ],
  role_table_grants: [
    13421,
    'grantor:t grantee:t table_catalog:t table_schema:t table_name:t privilege_type:t is_grantable:t ' +
      'with_hierarchy:t',
  ],
  routines: [
    13377,
    'specific_catalog:t specific_schema:t specific_name:t routine_catalog:t routine_schema:t routine_name:t ' +
      'routine_type:t module_catalog:t module_schema:t module_name:t udt_catalog:t udt_schema:t udt_name:t ' +
      'data_type:t character_maximum_length:i character_octet_length:i character_set_catalog:t ' +
      'character_set_schema:t character_set_name:t collation_catalog:t collation_schema:t collation_name:t ' +
      'numeric_precision:i numeric_precision_radix:i numeric_scale:i datetime_precision:i interval_type:t ' +
      'interval_precision:i type_udt_catalog:t type_udt_schema:t type_udt_name:t scope_catalog:t scope_schema:t ' +
      'scope_name:t maximum_cardinality:i dtd_identifier:t routine_body:t routine_definition:t external_name:t ' +
      'external_language:t parameter_style:t is_deterministic:t sql_data_access:t is_null_call:t sql_path:t ' +
      'schema_level_routine:t max_dynamic_result_sets:i is_user_defined_cast:t is_implicitly_invocable:t ' +
      'security_type:t to_sql_specific_catalog:t to_sql_specific_schema:t to_sql_specific_name:t as_locator:t ' +
      'created:T last_altered:T new_savepoint_level:t is_udt_dependent:t result_cast_from_data_type:t ' +
      'result_cast_as_locator:t result_cast_char_max_length:i result_cast_char_octet_length:i ' +
      'result_cast_char_set_catalog:t result_cast_char_set_schema:t result_cast_char_set_name:t ' +
      'result_cast_collation_catalog:t result_cast_collation_schema:t result_cast_collation_name:t ' +
      'result_cast_numeric_precision:i result_cast_numeric_precision_radix:i result_cast_numeric_scale:i ' +
      'result_cast_datetime_precision:i result_cast_interval_type:t result_cast_interval_precision:i ' +
      'result_cast_type_udt_catalog:t result_cast_type_udt_schema:t result_cast_type_udt_name:t ' +
      'result_cast_scope_catalog:t result_cast_scope_schema:t result_cast_scope_name:t ' +
      'result_cast_maximum_cardinality:i result_cast_dtd_identifier:t',
  ],
  schemata: [
    13382,
    'catalog_name:t schema_name:t schema_owner:t default_character_set_catalog:t ' +
      'default_character_set_schema:t default_character_set_name:t sql_path:t',
  ],
  sequences: [
    13386,
    'sequence_catalog:t sequence_schema:t sequence_name:t data_type:t numeric_precision:i ' +
      'numeric_precision_radix:i numeric_scale:i start_value:t minimum_value:t maximum_value:t increment:t ' +
      'cycle_option:t',
  ],
  table_constraints: [
    13411,
    'constraint_catalog:t constraint_schema:t constraint_name:t table_catalog:t table_schema:t table_name:t ' +
      'constraint_type:t is_deferrable:t initially_deferred:t enforced:t nulls_distinct:t',
  ],
  table_privileges: [
    13416,
    'grantor:t grantee:t table_catalog:t table_schema:t table_name:t privilege_type:t is_grantable:t ' +
      'with_hierarchy:t',
  ],
  tables: [
    13425,
    'table_catalog:t table_schema:t table_name:t table_type:t self_referencing_column_name:t ' +
      'reference_generation:t user_defined_type_catalog:t user_defined_type_schema:t user_defined_type_name:t ' +
      'is_insertable_into:t is_typed:t commit_action:t',
  ],
  triggers: [
    13440,
    'trigger_catalog:t trigger_schema:t trigger_name:t event_manipulation:t event_object_catalog:t ' +
      'event_object_schema:t event_object_table:t action_order:i action_condition:t action_statement:t ' +
      'action_orientation:t action_timing:t action_reference_old_table:t action_reference_new_table:t ' +
      'action_reference_old_row:t action_reference_new_row:t created:T',
  ],
  view_column_usage: [
    13468,
    'view_catalog:t view_schema:t view_name:t table_catalog:t table_schema:t table_name:t column_name:t',
  ],
  view_table_usage: [13478, 'view_catalog:t view_schema:t view_name:t table_catalog:t table_schema:t table_name:t'],
  views: [
    13483,
    'table_catalog:t table_schema:t table_name:t view_definition:t check_option:t is_updatable:t ' +
      'is_insertable_into:t is_trigger_updatable:t is_trigger_deletable:t is_trigger_insertable_into:t',
  ],
} as const satisfies Shapes
