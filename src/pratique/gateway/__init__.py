"""The front door: what Envoy routes, limits and refuses, written as files that it watches.

Envoy does the work; nothing here stands in the path of a request.

    model     what is to be routed, as values
    render    those values as Envoy's JSON, without touching anything
    preflight asks Envoy whether it would take a rendering
    admin     asks the running Envoy what it has taken
    publish   puts it together: write, wait until it is effective, drain
"""
