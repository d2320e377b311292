"""Inputs that nobody thought of, by hypothesis: see docs/fuzzing.md."""
