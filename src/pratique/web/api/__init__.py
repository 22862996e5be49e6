"""The JSON API, one router per noun, with Azure's field names."""
