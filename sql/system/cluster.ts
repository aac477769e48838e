/** What PostgreSQL keeps of a whole cluster: roles, databases, settings, and who is connected. There is one role and one database. */
import { type Cell, DATABASE, type Facts, ROLE, type Row, TABLESPACE } from './relation.js'

const ENCODING_UTF8 = 6

function role(): Row {
  return {
    oid: ROLE.oid,
    rolname: ROLE.name,
    rolsuper: true,
    rolinherit: true,
    rolcreaterole: true,
    rolcreatedb: true,
    rolcanlogin: true,
    rolreplication: false,
    rolbypassrls: true,
    rolconnlimit: -1,
    rolpassword: null,
  }
}

function user(): Row {
  return {
    usename: ROLE.name,
    usesysid: ROLE.oid,
    usecreatedb: true,
    usesuper: true,
    userepl: false,
    usebypassrls: true,
    passwd: '********',
  }
}

function session(facts: Facts): Row {
  return {
    datid: DATABASE.oid,
    datname: DATABASE.name,
    pid: Number(facts.setting('$pid')) || 0,
    usesysid: ROLE.oid,
    usename: facts.setting('session_authorization') || ROLE.name,
    application_name: facts.setting('application_name'),
    state: 'active',
    backend_type: 'client backend',
    leader_pid: null,
    client_port: null,
    backend_xid: null,
    backend_xmin: null,
    query_id: null,
  }
}

function setting([name, value]: readonly [string, string]): Row {
  const kind: Cell = /^(on|off)$/.test(value) ? 'bool' : /^-?\d+$/.test(value) ? 'integer' : 'string'
  return {
    name,
    setting: value,
    category: 'Client Connection Defaults',
    short_desc: '',
    context: 'user',
    vartype: kind,
    source: 'default',
    boot_val: value,
    reset_val: value,
    sourceline: null,
    pending_restart: false,
  }
}

export const CLUSTER: Readonly<Record<string, (facts: Facts) => readonly Row[]>> = {
  pg_roles: () => [role()],
  pg_authid: () => [role()],
  pg_user: () => [user()],
  pg_shadow: () => [user()],
  pg_database: () => [
    {
      oid: DATABASE.oid,
      datname: DATABASE.name,
      datdba: ROLE.oid,
      encoding: ENCODING_UTF8,
      datlocprovider: 'c',
      datistemplate: false,
      datallowconn: true,
      datconnlimit: -1,
      dattablespace: TABLESPACE.oid,
      datcollate: 'C',
      datctype: 'C.UTF-8',
    },
  ],
  pg_tablespace: () => [{ oid: TABLESPACE.oid, spcname: TABLESPACE.name, spcowner: ROLE.oid }],
  pg_settings: (facts) => facts.settings.filter(([name]) => !name.startsWith('$')).map(setting),
  pg_stat_activity: (facts) => [session(facts)],
  pg_stat_database: () => [{ datid: DATABASE.oid, datname: DATABASE.name, numbackends: 1 }],
  pg_timezone_names: () => [{ name: 'UTC', abbrev: 'UTC', utc_offset: '00:00:00', is_dst: false }],
}
