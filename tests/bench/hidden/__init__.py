"""The hidden world of `bin/bench reputation`: what providers think of our IPs and never say, and the policies that must live in it."""
