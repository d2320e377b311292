"""The page in Home Assistant's front end: outbox, history, compose and preview, check.

It keeps nothing of its own. commands.py answers what its modules in web/ ask for;
shown.py puts into words what the outbox and the history know.
"""
