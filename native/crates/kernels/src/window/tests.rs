//! Window functions against a naive twin: for each row, the frame by its definition and the result by brute force.
