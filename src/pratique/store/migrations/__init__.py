"""Migrations, one file per step, oldest first."""
