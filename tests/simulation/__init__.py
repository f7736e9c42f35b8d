"""Lives with a truth of their own: what capture promises, checked against what was heard."""
