"""From the expanded tree to the model of a pipeline, every problem noted."""
