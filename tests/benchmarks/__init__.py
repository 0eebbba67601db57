"""Speed, as ratios to other models in the same run (``make bench``): never asserted in a test, because machines differ and are shared."""
