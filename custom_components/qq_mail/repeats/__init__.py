"""What is raised again and again: counted rather than sent, or sent until acknowledged."""
