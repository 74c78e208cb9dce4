"""Work beside requests: queued jobs with their worker and reaper, periodic duties, and runs by the day."""
