"""Long runs that count what goes wrong: minutes of load while everything changes, is killed, or misbehaves.

    python -m bench.soak.rollout [--short] [--out FILE]

Each run writes its numbers as JSON, of which `docs/reference/reliability.md` is made.
"""
