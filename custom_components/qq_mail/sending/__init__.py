"""From one request to a message of the outbox."""
