"""Hidden checks of 2-decay-groups, one file for each graded function."""
