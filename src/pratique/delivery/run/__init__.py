"""A pipeline while it runs: what happened, and what follows from it."""
