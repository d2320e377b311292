"""Tests of the way from a request to the outbox."""
