"""What waits and why: a mail queue on disk, its schedule, and who works on it.

The heart (scheduler.py, with turn, results, queue, message, standing, pace, retry and
events) decides; it knows no Home Assistant, disk, socket or clock. The shell does it:
manager.py with worker, writer and spool. outbox.py is the front door, with intake,
calls and reports.
"""
