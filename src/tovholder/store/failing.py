"""What it means for a unit of work that the database refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, IntegrityError

from tovholder import database
from tovholder.base.errors import Category, Problem
from tovholder.store import schema


@contextmanager
def told_as_problems() -> Iterator[None]:
    """Raise Problem where the database refuses: CONFLICT, BUSY; INVALID for what no column or stack holds."""
    try:
        yield
    except IntegrityError as error:
        raise Problem(
            Category.CONFLICT,
            "Something of which there may be only one exists already; read it again",
            schema.only_one(error),
            kept="what was there first",
        ) from error
    except DatabaseError as error:
        if database.retryable(error):
            raise Problem(Category.BUSY, "Somebody else was writing about the same; try again") from error
        raise
    except (RecursionError, OverflowError) as error:
        raise Problem(
            Category.INVALID,
            "The content is nested too deeply, or a date or number in it lies beyond every calendar and scale",
        ) from error
