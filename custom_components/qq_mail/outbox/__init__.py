"""What waits, and who works on it: the shell around the core.

The core (core/) decides; it does no I/O. The manager gives it what happens and does what
follows; sessions.py speaks with servers, digests.py makes digests. outbox.py is the
front door of each account.
"""
