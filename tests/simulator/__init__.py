"""Days of a house, played by the heart."""
