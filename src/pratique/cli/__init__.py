"""The command line: the grammar of `az`, and what its verbs share; the verbs themselves are in `verbs`."""
