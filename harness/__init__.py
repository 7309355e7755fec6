"""The harness: measures, decides, writes the policy and verifies it."""
