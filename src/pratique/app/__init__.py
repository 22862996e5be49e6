"""The roof: the console entry, the composition of the server, and the verbs that start, watch and stop it."""
