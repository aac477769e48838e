//! millrace-kernels
