//! millrace-log
