"""What moves by itself: jobs, deployments, routes, and the services that the platform stands on.

Each module makes one noun so as its rows wish it. Nothing here is remembered
outside the database and the folders of the home, so the engine can be killed
at any moment: the next one claims the same rows and finds the same processes.
"""
