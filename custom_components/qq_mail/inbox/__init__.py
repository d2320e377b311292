"""Mail that comes back: answers that press buttons, and bounces."""
