/** PostgreSQL's types that clients ask for by number: those that columns here can have, and those that the system relations name. */
import { NAMESPACES, ROLE, type Row } from './relation.js'

/** oid name length by-value kind category preferred delimiter relation element array alignment storage collation, then the names of the
 *  functions for input, output, receive and send. */
const TYPES = [
  '16 bool 1 t b B t , 0 0 1000 c p 0 boolin boolout boolrecv boolsend',
  '17 bytea -1 f b U f , 0 0 1001 i x 0 byteain byteaout bytearecv byteasend',
  '18 char 1 t b Z f , 0 0 1002 c p 0 charin charout charrecv charsend',
  '19 name 64 f b S f , 0 18 1003 c p 950 namein nameout namerecv namesend',
  '20 int8 8 t b N f , 0 0 1016 d p 0 int8in int8out int8recv int8send',
  '21 int2 2 t b N f , 0 0 1005 s p 0 int2in int2out int2recv int2send',
  '22 int2vector -1 f b A f , 0 21 1006 i p 0 int2vectorin int2vectorout int2vectorrecv int2vectorsend',
  '23 int4 4 t b N f , 0 0 1007 i p 0 int4in int4out int4recv int4send',
  '24 regproc 4 t b N f , 0 0 1008 i p 0 regprocin regprocout regprocrecv regprocsend',
  '25 text -1 f b S t , 0 0 1009 i x 100 textin textout textrecv textsend',
  '26 oid 4 t b N t , 0 0 1028 i p 0 oidin oidout oidrecv oidsend',
  '28 xid 4 t b U f , 0 0 1011 i p 0 xidin xidout xidrecv xidsend',
  '30 oidvector -1 f b A f , 0 26 1013 i p 0 oidvectorin oidvectorout oidvectorrecv oidvectorsend',
  '114 json -1 f b U f , 0 0 199 i x 0 json_in json_out json_recv json_send',
  '142 xml -1 f b U f , 0 0 143 i x 0 xml_in xml_out xml_recv xml_send',
  '194 pg_node_tree -1 f b Z f , 0 0 0 i x 100 pg_node_tree_in pg_node_tree_out pg_node_tree_recv pg_node_tree_send',
  '199 _json -1 f b A f , 0 114 0 i x 0 array_in array_out array_recv array_send',
  '700 float4 4 t b N f , 0 0 1021 i p 0 float4in float4out float4recv float4send',
  '701 float8 8 t b N t , 0 0 1022 d p 0 float8in float8out float8recv float8send',
  '705 unknown -2 f p X f , 0 0 0 c p 0 unknownin unknownout unknownrecv unknownsend',
  '790 money 8 t b N f , 0 0 791 d p 0 cash_in cash_out cash_recv cash_send',
  '869 inet -1 f b I t , 0 0 1041 i m 0 inet_in inet_out inet_recv inet_send',
  '1000 _bool -1 f b A f , 0 16 0 i x 0 array_in array_out array_recv array_send',
  '1001 _bytea -1 f b A f , 0 17 0 i x 0 array_in array_out array_recv array_send',
  '1002 _char -1 f b A f , 0 18 0 i x 0 array_in array_out array_recv array_send',
  '1003 _name -1 f b A f , 0 19 0 i x 950 array_in array_out array_recv array_send',
  '1005 _int2 -1 f b A f , 0 21 0 i x 0 array_in array_out array_recv array_send',
  '1007 _int4 -1 f b A f , 0 23 0 i x 0 array_in array_out array_recv array_send',
  '1009 _text -1 f b A f , 0 25 0 i x 100 array_in array_out array_recv array_send',
  '1014 _bpchar -1 f b A f , 0 1042 0 i x 100 array_in array_out array_recv array_send',
  '1015 _varchar -1 f b A f , 0 1043 0 i x 100 array_in array_out array_recv array_send',
  '1016 _int8 -1 f b A f , 0 20 0 d x 0 array_in array_out array_recv array_send',
  '1021 _float4 -1 f b A f , 0 700 0 i x 0 array_in array_out array_recv array_send',
  '1022 _float8 -1 f b A f , 0 701 0 d x 0 array_in array_out array_recv array_send',
  '1028 _oid -1 f b A f , 0 26 0 i x 0 array_in array_out array_recv array_send',
  '1033 aclitem 12 f b U f , 0 0 1034 i p 0 aclitemin aclitemout - -',
  '1042 bpchar -1 f b S f , 0 0 1014 i x 100 bpcharin bpcharout bpcharrecv bpcharsend',
  '1043 varchar -1 f b S f , 0 0 1015 i x 100 varcharin varcharout varcharrecv varcharsend',
  '1082 date 4 t b D f , 0 0 1182 i p 0 date_in date_out date_recv date_send',
  '1083 time 8 t b D f , 0 0 1183 d p 0 time_in time_out time_recv time_send',
  '1114 timestamp 8 t b D f , 0 0 1115 d p 0 timestamp_in timestamp_out timestamp_recv timestamp_send',
  '1115 _timestamp -1 f b A f , 0 1114 0 d x 0 array_in array_out array_recv array_send',
  '1182 _date -1 f b A f , 0 1082 0 i x 0 array_in array_out array_recv array_send',
  '1183 _time -1 f b A f , 0 1083 0 d x 0 array_in array_out array_recv array_send',
  '1184 timestamptz 8 t b D t , 0 0 1185 d p 0 timestamptz_in timestamptz_out timestamptz_recv timestamptz_send',
  '1185 _timestamptz -1 f b A f , 0 1184 0 d x 0 array_in array_out array_recv array_send',
  '1186 interval 16 f b T t , 0 0 1187 d p 0 interval_in interval_out interval_recv interval_send',
  '1187 _interval -1 f b A f , 0 1186 0 d x 0 array_in array_out array_recv array_send',
  '1231 _numeric -1 f b A f , 0 1700 0 i x 0 array_in array_out array_recv array_send',
  '1266 timetz 12 f b D f , 0 0 1270 d p 0 timetz_in timetz_out timetz_recv timetz_send',
  '1270 _timetz -1 f b A f , 0 1266 0 d x 0 array_in array_out array_recv array_send',
  '1700 numeric -1 f b N f , 0 0 1231 i m 0 numeric_in numeric_out numeric_recv numeric_send',
  '2203 regoper 4 t b N f , 0 0 2208 i p 0 regoperin regoperout regoperrecv regopersend',
  '2205 regclass 4 t b N f , 0 0 2210 i p 0 regclassin regclassout regclassrecv regclasssend',
  '2206 regtype 4 t b N f , 0 0 2211 i p 0 regtypein regtypeout regtyperecv regtypesend',
  '2210 _regclass -1 f b A f , 0 2205 0 i x 0 array_in array_out array_recv array_send',
  '2249 record -1 f p P f , 0 0 2287 d x 0 record_in record_out record_recv record_send',
  '2275 cstring -2 f p P f , 0 0 1263 c p 0 cstring_in cstring_out cstring_recv cstring_send',
  '2277 anyarray -1 f p P f , 0 0 0 d x 0 anyarray_in anyarray_out anyarray_recv anyarray_send',
  '2278 void 4 t p P f , 0 0 0 i p 0 void_in void_out void_recv void_send',
  '2283 anyelement 4 t p P f , 0 0 0 i p 0 anyelement_in anyelement_out - -',
  '2287 _record -1 f p P f , 0 2249 0 d x 0 array_in array_out array_recv array_send',
  '2950 uuid 16 f b U f , 0 0 2951 c p 0 uuid_in uuid_out uuid_recv uuid_send',
  '2951 _uuid -1 f b A f , 0 2950 0 i x 0 array_in array_out array_recv array_send',
  '3802 jsonb -1 f b U f , 0 0 3807 i x 0 jsonb_in jsonb_out jsonb_recv jsonb_send',
  '3807 _jsonb -1 f b A f , 0 3802 0 i x 0 array_in array_out array_recv array_send',
  '4089 regnamespace 4 t b N f , 0 0 4090 i p 0 regnamespacein regnamespaceout regnamespacerecv regnamespacesend',
  '4096 regrole 4 t b N f , 0 0 4097 i p 0 regrolein regroleout regrolerecv regrolesend',
]

export interface PgType {
  readonly oid: number
  readonly name: string
  readonly length: number
  readonly byValue: boolean
  readonly kind: string
  readonly category: string
  readonly preferred: boolean
  readonly delimiter: string
  readonly element: number
  readonly array: number
  readonly alignment: string
  readonly storage: string
  readonly collation: number
  readonly functions: readonly string[]
}

export const PG_TYPES: readonly PgType[] = TYPES.map((line) => {
  const parts = line.split(' ')
  const at = (i: number) => parts[i] ?? ''
  return {
    oid: Number(at(0)),
    name: at(1),
    length: Number(at(2)),
    byValue: at(3) === 't',
    kind: at(4),
    category: at(5),
    preferred: at(6) === 't',
    delimiter: at(7),
    element: Number(at(9)),
    array: Number(at(10)),
    alignment: at(11),
    storage: at(12),
    collation: Number(at(13)),
    functions: parts.slice(14),
  }
})

const BY_OID = new Map(PG_TYPES.map((type) => [type.oid, type]))

export function pgType(oid: number): PgType | undefined {
  return BY_OID.get(oid)
}

export function typeRows(): Row[] {
  return PG_TYPES.map((type) => ({
    oid: type.oid,
    typname: type.name,
    typnamespace: NAMESPACES.pg_catalog,
    typowner: ROLE.oid,
    typlen: type.length,
    typbyval: type.byValue,
    typtype: type.kind,
    typcategory: type.category,
    typispreferred: type.preferred,
    typisdefined: true,
    typdelim: type.delimiter,
    typelem: type.element,
    typarray: type.array,
    typsubscript: type.element === 0 ? '-' : 'array_subscript_handler',
    typinput: type.functions[0] ?? '-',
    typoutput: type.functions[1] ?? '-',
    typreceive: type.functions[2] ?? '-',
    typsend: type.functions[3] ?? '-',
    typmodin: '-',
    typmodout: '-',
    typanalyze: '-',
    typalign: type.alignment,
    typstorage: type.storage,
    typtypmod: -1,
    typcollation: type.collation,
  }))
}
