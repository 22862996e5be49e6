"""The verbs and their rules, one module per noun: permission, then rule, then row and event in one transaction."""
