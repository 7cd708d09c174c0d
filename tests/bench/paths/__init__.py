"""What the routing benchmark stands on: peers with habits by source address, a house of eight paths, and an engine run by hand."""
