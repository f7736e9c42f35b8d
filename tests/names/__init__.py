"""How often names find their track: a real day's names, distorted as sources distort them."""
