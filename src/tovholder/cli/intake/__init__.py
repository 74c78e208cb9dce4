"""How requests come in and answers go out: gunicorn's worker with a loop of our own.

gunicorn's threaded worker reads from a client in the thread that is going to answer, for as long as the client likes:
as many slow clients as there are threads, and nobody else is served. Here the worker's one loop (worker.py) gathers
what every client sends (connection.py). A plain request, whole, has its head read at once (head.py; anything unusual
is left to gunicorn's parser) and is answered by a thread (hands.py), or by the loop itself where that is surely short.
An answer that tells of patients is held back until its rows of the audit trail are on disk, which one thread sees to
for all who wait (committer.py). What an answer is too large to send at once the loop sends too (line.py). Bodies too
large to gather are read in threads, in no more than half of them. Each wait has an end.
"""

from tovholder.cli.intake.worker import Worker

__all__ = ["Worker"]
