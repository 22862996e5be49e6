"""The command line: the grammar of `az`, one module per noun, each imported only when it is named."""
