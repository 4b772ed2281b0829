"""A page of questions whose figures and pictures are made of the runs that answer them."""
