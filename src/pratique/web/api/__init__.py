"""The JSON API below ``/api/v1``, one module per noun."""
