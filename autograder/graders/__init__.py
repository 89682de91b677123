"""Hidden pytest graders: one file for each exercise. They never leave the trusted side."""
