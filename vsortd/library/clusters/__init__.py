"""Groups of videos that nobody has labelled: found by what they show, named, drawn, made into folders or rules."""
