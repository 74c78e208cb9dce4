"""Appointments: booked, moved, kept, missed, cancelled; forward only, and corrected openly."""
