"""What waits, and what becomes of it."""
