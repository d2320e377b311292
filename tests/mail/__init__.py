"""Tests of the mail package, which knows nothing of Home Assistant."""
