"""Timing: worker process, schedule, journal and pyperf suite."""
