"""The expression language of `${{ }}`, `$[ ]` and `condition:`."""
