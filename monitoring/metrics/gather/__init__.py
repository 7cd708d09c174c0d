"""What is measured, a file for each kind of thing: its SQL, and how its rows become values."""
