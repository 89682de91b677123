"""For authors: grade the graders, build, lay down a new lesson, try the sandbox, show it all."""
