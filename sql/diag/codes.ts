/**
 * SQLSTATE codes that Millrace raises, by name. Equal to the table of `native/crates/base/src/error.rs` (a test compares
 * them): an error has one code, whichever side raises it.
 */
export const Code = {
  FeatureNotSupported: '0A000',
  InvalidParameterValue: '22023',
  NumericValueOutOfRange: '22003',
  DivisionByZero: '22012',
  InvalidTextRepresentation: '22P02',
  DatetimeFieldOverflow: '22008',
  InvalidDatetimeFormat: '22007',
  StringDataRightTruncation: '22001',
  InvalidRegularExpression: '2201B',
  InvalidArgumentForLog: '2201E',
  InvalidArgumentForPower: '2201F',
  CardinalityViolation: '21000',
  NotNullViolation: '23502',
  UniqueViolation: '23505',
  SerializationFailure: '40001',
  SyntaxError: '42601',
  UndefinedColumn: '42703',
  UndefinedTable: '42P01',
  UndefinedFunction: '42883',
  UndefinedObject: '42704',
  UndefinedParameter: '42P02',
  AmbiguousColumn: '42702',
  AmbiguousFunction: '42725',
  DuplicateTable: '42P07',
  DuplicateObject: '42710',
  DuplicateColumn: '42701',
  DuplicateAlias: '42712',
  DatatypeMismatch: '42804',
  CannotCoerce: '42846',
  GroupingError: '42803',
  WindowingError: '42P20',
  InvalidTableDefinition: '42P16',
  WrongObjectType: '42809',
  InvalidColumnReference: '42P10',
  DependentObjectsStillExist: '2BP01',
  InsufficientResources: '53000',
  DiskFull: '53100',
  OutOfMemory: '53200',
  StatementTooComplex: '54001',
  ObjectNotInPrerequisiteState: '55000',
  ObjectInUse: '55006',
  LockNotAvailable: '55P03',
  QueryCanceled: '57014',
  AdminShutdown: '57P01',
  IoError: '58030',
  UndefinedFile: '58P01',
  ConnectionException: '08000',
  ProtocolViolation: '08P01',
  DataCorrupted: 'XX001',
  InternalError: 'XX000',
} as const

/** The name of a code, such as `SyntaxError`. */
export type CodeName = keyof typeof Code

/** The five characters that clients see. */
export type Code = (typeof Code)[CodeName]
