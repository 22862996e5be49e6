"""The MLflow server: how its process is started, and how the platform itself writes runs into it."""
