"""How many series a collector exposes at most, and a scrape of it may have."""

# 30 experiments on 20 hosts of 4 variants, with 60 series each, and the hosts.
MAXIMUM_SERIES = 150_000
# What a scrape has beside them: the collector's own, some 200, and room for those to come.
BESIDE = 10_000
SAMPLE_LIMIT = MAXIMUM_SERIES + BESIDE
