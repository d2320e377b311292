"""Tests of what a call means, and of what comes of it."""
