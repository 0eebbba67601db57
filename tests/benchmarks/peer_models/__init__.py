"""Other simulators given our jobs, each a script for the peers' own environment: ``SCRIPT JOBS.npz``, one JSON line on stdout."""
