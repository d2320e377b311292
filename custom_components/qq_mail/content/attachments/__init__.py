"""Pictures and files that go with a message, wherever they come from."""
