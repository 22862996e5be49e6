"""Our model server beside its peers, on the same machine, with the same model and the same rows."""
