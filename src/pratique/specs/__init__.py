"""The language: Azure ML v2 YAML as frozen, validated values, and the references and bindings inside it."""
