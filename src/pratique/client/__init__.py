"""The typed client of the API: one module per noun, on urllib3, and nothing of the server's own code.

A reading verb must be quick, so the modules that need more than HTTP and JSON
(`uploads`, `downloads`, `source_control`) are imported only by the verbs that
use them.
"""
