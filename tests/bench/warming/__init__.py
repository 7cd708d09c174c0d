"""The hidden world of `bin/bench warmup`: what providers tolerate of a young IP and never say, the fixed schedules, and our controller in it."""
