# The bases of both images, on a root that is Debian's 12: ./build says which. The project's tests
# have no registry, so that they have never seen debian:bookworm-slim, but what
# `./build --offline` makes of Debian's packages.
ARG ROOT=debian:bookworm-slim
FROM ${ROOT} AS collector
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*

FROM collector AS agent
RUN apt-get update \
    && apt-get install -y --no-install-recommends nghttp2-client wrk \
    && apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*
