"""Tests of sessions with a QQ-like server over real TLS."""
