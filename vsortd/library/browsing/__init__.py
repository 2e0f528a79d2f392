"""Looking through what lies in the library: by folder, state, rule, tag, camera, date and words, a page at a time."""
