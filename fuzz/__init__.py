"""Fuzzing of the readers of untrusted files."""
