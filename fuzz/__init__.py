"""Fuzzing: what reads files that nobody vouches for, under inputs that nobody would write."""
