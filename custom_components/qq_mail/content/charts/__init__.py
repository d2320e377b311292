"""Charts of what was recorded: read, drawn, and said in words."""
