//! millrace-connect
