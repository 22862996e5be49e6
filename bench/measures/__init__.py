"""One module per thing that a person waits for."""
