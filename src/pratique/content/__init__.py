"""Bytes and their names: relative paths, hashing, manifests, ignore rules, safe open."""
