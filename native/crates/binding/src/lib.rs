//! millrace-binding
