"""Statistics of data, and nothing else: files in, numbers out."""
