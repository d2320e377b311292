"""The core of the outbox: what goes when, and what comes of it.

Objects without I/O: no Home Assistant, disk, socket or clock. The Scheduler has a
method for each thing that can happen, and returns the few actions that follow.
"""
