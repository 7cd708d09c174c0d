"""What the benchmarks of the queue share: campaigns to load it with, a sink that tells when what arrived."""
