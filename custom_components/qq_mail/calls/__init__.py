"""What a call means: whom it goes to, who may, and what comes of it."""
