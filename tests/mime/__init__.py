"""Tests of how a mail is written and looks."""
