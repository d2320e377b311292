"""What is counted, or sent again, through the public doors."""
