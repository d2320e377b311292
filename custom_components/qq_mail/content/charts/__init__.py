"""Charts: reading the recorder, drawing, and the same in words."""
