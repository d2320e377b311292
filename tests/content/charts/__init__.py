"""Charts: where things are in them, and what they say."""
