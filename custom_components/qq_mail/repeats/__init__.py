"""What is raised again and again: counted rather than sent, or sent until acknowledged.

Knows Home Assistant, `outbox/` and `mail/`, and is loaded with the first call that needs
it, or with what an earlier run has left.
"""
