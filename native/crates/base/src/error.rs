//! The one error type below the binding: a SQLSTATE code, PostgreSQL's three texts, and a position if known.
//! Primary messages are lower case without a full stop; `detail` and `hint` are sentences.

use serde::Serialize;

pub type Result<T> = std::result::Result<T, Error>;

/// An error that reaches the user. It crosses the binding as data and is thrown there once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None, hint: None }
    }

    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A broken invariant of ours, never a user's mistake.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::InternalError, message)
    }

    /// An I/O error with the path that it concerns. A full disk and the like have codes of their own.
    pub fn io(path: impl AsRef<std::path::Path>, doing: &str, cause: &std::io::Error) -> Self {
        let code = match cause.raw_os_error() {
            // ENOSPC, EDQUOT, and EFBIG, which a limit on the size of files gives.
            Some(28 | 122 | 27) => Code::DiskFull,
            // EMFILE, ENFILE.
            Some(24 | 23) => Code::InsufficientResources,
            // EPERM, EACCES, EROFS.
            Some(1 | 13 | 30) => Code::InsufficientPrivilege,
            _ => Code::IoError,
        };
        Self::new(code, format!("could not {doing} \"{}\": {cause}", path.as_ref().display()))
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $sqlstate:literal,)*) => {
        /// SQLSTATE codes that Millrace raises. The TypeScript table `sql/diag/codes.ts` is checked equal to this one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The five characters that clients see.
            pub fn sqlstate(self) -> &'static str {
                match self { $(Code::$name => $sqlstate,)* }
            }

            pub fn name(self) -> &'static str {
                match self { $(Code::$name => stringify!($name),)* }
            }
        }
    };
}

codes! {
    FeatureNotSupported = "0A000",
    InvalidParameterValue = "22023",
    NumericValueOutOfRange = "22003",
    SequenceLimitExceeded = "2200H",
    DivisionByZero = "22012",
    InvalidTextRepresentation = "22P02",
    UntranslatableCharacter = "22P05",
    ArraySubscriptError = "2202E",
    NullValueNotAllowed = "22004",
    SubstringError = "22011",
    DatetimeFieldOverflow = "22008",
    InvalidDatetimeFormat = "22007",
    CharacterNotInRepertoire = "22021",
    InvalidBinaryRepresentation = "22P03",
    StringDataRightTruncation = "22001",
    InvalidEscapeSequence = "22025",
    InvalidEscapeCharacter = "22019",
    IntervalFieldOverflow = "22015",
    InvalidRegularExpression = "2201B",
    InvalidArgumentForNtile = "22014",
    InvalidArgumentForNthValue = "22016",
    InvalidTablesampleArgument = "2202H",
    InvalidArgumentForLog = "2201E",
    InvalidArgumentForPower = "2201F",
    InvalidArgumentForWidthBucket = "2201G",
    CardinalityViolation = "21000",
    NotNullViolation = "23502",
    ForeignKeyViolation = "23503",
    UniqueViolation = "23505",
    CheckViolation = "23514",
    ActiveTransaction = "25001",
    ReadOnlyTransaction = "25006",
    NoActiveTransaction = "25P01",
    FailedTransaction = "25P02",
    InvalidTransactionTermination = "2D000",
    InvalidStatementName = "26000",
    InvalidAuthorization = "28000",
    InvalidPassword = "28P01",
    InvalidCursorName = "34000",
    InvalidSavepoint = "3B001",
    SerializationFailure = "40001",
    InsufficientPrivilege = "42501",
    SyntaxError = "42601",
    UndefinedColumn = "42703",
    UndefinedTable = "42P01",
    UndefinedFunction = "42883",
    UndefinedObject = "42704",
    UndefinedParameter = "42P02",
    BadCopyFileFormat = "22P04",
    InvalidSchemaName = "3F000",
    AmbiguousParameter = "42P08",
    AmbiguousColumn = "42702",
    AmbiguousFunction = "42725",
    DuplicateTable = "42P07",
    DuplicateObject = "42710",
    DuplicateSchema = "42P06",
    DuplicateColumn = "42701",
    GeneratedAlways = "428C9",
    DuplicateAlias = "42712",
    DuplicateCursor = "42P03",
    DuplicateStatement = "42P05",
    DatatypeMismatch = "42804",
    IndeterminateDatatype = "42P18",
    CannotCoerce = "42846",
    GroupingError = "42803",
    WindowingError = "42P20",
    InvalidTableDefinition = "42P16",
    WrongObjectType = "42809",
    InvalidColumnReference = "42P10",
    DependentObjectsStillExist = "2BP01",
    InsufficientResources = "53000",
    DiskFull = "53100",
    OutOfMemory = "53200",
    TooManyConnections = "53300",
    StatementTooComplex = "54001",
    ObjectNotInPrerequisiteState = "55000",
    ObjectInUse = "55006",
    LockNotAvailable = "55P03",
    QueryCanceled = "57014",
    AdminShutdown = "57P01",
    IdleSessionTimeout = "57P05",
    IoError = "58030",
    UndefinedFile = "58P01",
    ConnectionException = "08000",
    /// An invalid argument or plan that came over the binding.
    ProtocolViolation = "08P01",
    DataCorrupted = "XX001",
    InternalError = "XX000",
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.sqlstate())
    }
}
