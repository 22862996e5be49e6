"""The tasks, one module for each family; `pratique.worker.tasks.table` says which is where."""
