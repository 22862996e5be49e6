"""What every layer needs and nothing that knows a layer: errors, settings, the home, clock, ids, logging."""
