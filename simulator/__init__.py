"""A house whose alerts go out by the outbox's heart: weeks of it, in seconds.

It knows the heart alone. Server, disk, clocks and people are played.
"""
