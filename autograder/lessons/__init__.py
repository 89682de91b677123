"""What students never get of each lesson, by assignment: checks, models that are sent, prepared answers."""
