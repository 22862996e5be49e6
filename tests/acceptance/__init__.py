"""The platform as its users meet it: real server, Envoy, MLflow, uv and processes, one file for each user story."""
