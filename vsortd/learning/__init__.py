"""Learning from corrections: taught videos as examples of rules, and where corrections come from."""
