"""Where processes run: one small shim a process, this machine as compute, Python environments."""
