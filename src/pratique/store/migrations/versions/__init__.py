"""Migrations of the schema, in their order."""
