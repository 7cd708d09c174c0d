"""What sending IPs and their paths are worth, and what follows from it."""
