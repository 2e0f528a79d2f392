"""The views of the page, a module each; `routes` of each returns its addresses."""
