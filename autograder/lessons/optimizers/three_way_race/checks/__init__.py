"""Hidden checks of 4-three-way-race, one file for each graded function."""
