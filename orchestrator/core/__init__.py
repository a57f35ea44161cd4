"""Decisions: pure functions, without I/O, clock, randomness or logging."""
