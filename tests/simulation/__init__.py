"""Lives with a truth of their own: the promise of capture, checked against what really was heard."""
