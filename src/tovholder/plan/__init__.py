"""Episode, needs assessment, level, plan, goals, activities and the rights clock of one patient in one package."""
