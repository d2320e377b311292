"""Answers to mails: read while one can come, understood, done and confirmed."""
