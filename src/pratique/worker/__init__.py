"""One job of a delivery run: workspace, steps, masking, tasks; speaks to the platform only through its API."""
