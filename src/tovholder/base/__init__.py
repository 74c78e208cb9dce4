"""Things everyone may use: errors as values, time, days, ids, JSON with decimals kept. Imports nothing of ours."""
