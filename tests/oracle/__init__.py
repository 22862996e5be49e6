"""Our reader of Azure ML files beside Azure's own: the same files, the same verdicts, the same values.

`corpus` writes the files, `oracle` asks the loaders of azure-ai-ml in an
environment of their own, `comparison` says what differs, and
``differences.toml`` is the list of what differs on purpose.
"""
