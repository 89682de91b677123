"""A notebook becomes a Grade: read and repaired, loaded, checked, kept; one or a whole class."""
