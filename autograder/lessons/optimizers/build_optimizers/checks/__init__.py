"""Hidden checks of 1-build-optimizers, one file for each graded function."""
