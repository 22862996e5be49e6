"""MLflow's REST where the platform answers it itself: registered models, files, and who may call what."""
