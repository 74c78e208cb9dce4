"""Work that runs by the day: which runs were done, catching up, one at a time."""
