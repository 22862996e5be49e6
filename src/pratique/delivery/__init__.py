"""Azure Pipelines as a pure machine: read, expand, plan, "given this state, what is next?"."""
