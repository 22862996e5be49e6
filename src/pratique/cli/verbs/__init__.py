"""The verbs of `az`, one module for each group of them; `cli.index` says which words lead to which."""
