//! millrace-flow
