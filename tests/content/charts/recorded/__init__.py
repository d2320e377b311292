"""Charts of what a real recorder has, from the action to the mail."""
