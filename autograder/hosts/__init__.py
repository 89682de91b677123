"""Where work comes from and scores go: nbgrader, Gradescope, files for learning platforms."""
