// Carries the precompiled headers of the boxes.
