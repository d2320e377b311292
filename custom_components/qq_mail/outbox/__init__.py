"""What waits and why: a mail queue on disk, its schedule, and who works on it."""
