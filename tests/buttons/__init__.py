"""Tests of the buttons in mails."""
