"""What people read: a student's feedback, a class's report, a terminal. No page knows where Grades come from."""
