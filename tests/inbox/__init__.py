"""Tests of answers by mail, and of mail that comes back."""
