"""Django's PostgreSQL backend with the two things every table of ours needs."""
