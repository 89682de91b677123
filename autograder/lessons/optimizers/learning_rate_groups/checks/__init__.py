"""Hidden checks of 3-learning-rate-groups, one file for each graded function."""
