"""The optimization loop: review, plan, apply, verify, report; small steps, each decided by data."""
