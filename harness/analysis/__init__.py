"""Decisions from samples: pairing, verdicts, crossovers, hazards, policy. Pure: numbers in, numbers out."""
