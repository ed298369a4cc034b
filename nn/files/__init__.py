"""Networks and Trainers in files, which hold numbers and no code."""
