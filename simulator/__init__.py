"""Days of a house, played by the core and the store."""
