"""What stands for a missing value in a text file, besides nothing at all."""

MISSING = ("NA", "N/A", "NaN", "nan", "null", "NULL")  # among numbers, times and booleans; a word among words
