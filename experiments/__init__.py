"""What is swept: one declarative module an experiment."""
