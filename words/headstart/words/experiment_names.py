"""How experiments are called that are made of another one, whose name stands before this."""

# A dot is no part of a DNS label, so that no file's experiment has such a name.
# One variant against itself, which says whether the host can be believed.
AA_SUFFIX = ".aa"
# The image of before a regression against the newest.
RERUN_SUFFIX = ".rerun"
