"""Why a row or a figure is what it is: traced to what was kept, asked and run."""
