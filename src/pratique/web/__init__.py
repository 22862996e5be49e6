"""The HTTP edge: JSON for programs, pages for people; parses, asks who it is, calls one verb, answers."""
