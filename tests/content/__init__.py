"""Everything between a call and a message."""
