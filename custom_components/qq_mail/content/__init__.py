"""From a call to a draft: its fields, its recipients, and what goes with it."""
