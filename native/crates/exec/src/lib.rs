//! millrace-exec
