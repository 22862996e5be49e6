"""The doors as Envoy's JSON: pure functions from values to documents.

resources  names and small parts that the others are made of
wire       the same values in the binary form that Envoy reads fastest
schema     what `wire` must know of Envoy's messages
discovery  the watched files: resources and their version
replies    what a caller reads when Envoy itself answers, and the model's errors
listeners  the two doors and their filters
clusters   the upstreams: API, MLflow, one for each deployment
door       routes of the front door
mlflow     routes of MLflow behind it, as an allow-list
scoring    routes of the endpoints' door
bootstrap  the file that Envoy starts from, and the one that a preflight validates
"""
