def bind(): pass
