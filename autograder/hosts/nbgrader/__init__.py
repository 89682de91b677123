"""nbgrader: its course, its gradebook, and the classes that its configuration names."""
