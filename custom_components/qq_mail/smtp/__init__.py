"""A session with a submission server: connect, log in, submit."""
